using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.S3;

/// <summary><c>s3:</c>, a bucket or what lies below a prefix of it.</summary>
internal sealed class S3StoreKind : IStoreKind
{
    private const string Scheme = "s3://";
    private const string LockKey = "objectLock";
    private const string Probe = ".nexus-backup-probe"; // no object has that name
    private const string Value = "{bucket: nexus-backups, endpoint: \"https://s3.example\"}";

    private static readonly LevelKeys Keys = new("stores.<name>.s3", [.. ObjectAddressBinder.Keys, LockKey, "sse"]);

    private static readonly string[] ServerEncryptions = ["AES256", "aws:kms"];

    public string Key => "s3";

    public IReadOnlyList<string> Options => [];

    public IReadOnlyList<LevelKeys> Levels => [Keys, .. ObjectAddressBinder.Levels(Keys.Place)];

    public string Example => $"{Key}: {Value}";

    public string Teaching => $"its bucket, for example {Example}";

    public IReadOnlyList<AddressOption> AddressOptions =>
    [
        new("--endpoint", "URL", new("Of a bucket: the server, with scheme, host and port. Default: Amazon's own", "バケット: サーバー（スキーム・ホスト・ポート）。既定: Amazon")),
        new("--region", "REGION", new("Of a bucket. Default: us-east-1", "バケット: リージョン。既定: us-east-1")),
        new("--profile", "NAME", new("Of a bucket: a profile in ~/.aws/credentials, or in --credentials-file. Default: what the environment or the machine's role gives", "バケット: ~/.aws/credentials または --credentials-file のプロファイル。既定: 環境変数またはマシンのロール")),
        new("--credentials-file", "FILE", new("Of a bucket: a file in the form of ~/.aws/credentials", "バケット: ~/.aws/credentials 形式のファイル")),
        new("--access-key", "KEY", new("Of a bucket: with --secret-key-file or --secret-key-env", "バケット: アクセスキー。--secret-key-file か --secret-key-env と併用")),
        new("--secret-key-file", "FILE", new("Of a bucket: a file that holds the secret key alone", "バケット: シークレットキーだけを書いたファイル")),
        new("--secret-key-env", "NAME", new("Of a bucket: the environment variable that holds the secret key", "バケット: シークレットキーを持つ環境変数の名前")),
    ];

    public MappingNode? Recognise(string address, IReadOnlyDictionary<string, string> options, string directory)
    {
        if (!address.StartsWith(Scheme, StringComparison.Ordinal))
            return null;
        var (bucket, prefix) = address[Scheme.Length..].Split('/', 2) switch { [var alone] => (alone, ""), var parts => (parts[0], parts[1]) };
        var credentials = DocumentText.Mapping(
            ("profile", Given("--profile")), ("file", File("--credentials-file")), ("accessKey", Given("--access-key")), ("secretKeyFile", File("--secret-key-file")), ("secretKeyEnv", Given("--secret-key-env")));
        return DocumentText.Mapping((Key, DocumentText.Mapping(
            ("bucket", new ScalarNode(Line: 0, bucket, IsNull: false)),
            ("prefix", DocumentText.Value(prefix)),
            ("endpoint", Given("--endpoint")),
            ("region", Given("--region")),
            ("credentials", credentials.Entries.Count == 0 ? null : credentials))));

        DocumentNode? Given(string option) => options.TryGetValue(option, out var value) ? new ScalarNode(Line: 0, value, IsNull: false) : null;
        DocumentNode? File(string option) => options.TryGetValue(option, out var path) ? DocumentText.Value(KernelPath.Absolute(path, directory)) : null;
    }

    public IStoreSettings? Bind(string name, Section store, string baseDirectory)
    {
        var isOffsite = store.Find(StoreKinds.OffsiteKey) is null ? (bool?)null : store.Flag(StoreKinds.OffsiteKey);
        if (store.Find(Key)?.Section(Value) is not { } section)
            return null;
        Keys.ReportOthers(section);
        var word = section.Find(LockKey)?.Parse<ObjectLockWord?>(ParseWord, fallback: null, "governance");
        return ObjectAddressBinder.Bind(section, baseDirectory) is { } address
            ? new Settings(name, address with { ServerEncryption = section.Find("sse")?.Parse<string?>(ServerEncryption, fallback: null, "AES256") }, word) { IsOffsite = isOffsite ?? address.Endpoint is null, Bandwidth = BandwidthBinder.Bind(store) }
            : null;
    }

    private static string ServerEncryption(string text) => ServerEncryptions.Contains(text, StringComparer.Ordinal)
        ? text
        : throw new WrongTextException("is no way in which a server encrypts", "write AES256 or aws:kms; encryption at a source encrypts before anything leaves the machine");

    private static ObjectLockWord? ParseWord(string text) => text switch
    {
        "governance" => ObjectLockWord.Governance,
        "compliance" => ObjectLockWord.Compliance,
        _ => throw new WrongTextException("is neither governance nor compliance", "write governance, whose locks somebody with the right to can take away, or compliance, whose locks nobody can"),
    };

    /// <param name="Word">How backups are locked; null: they are not.</param>
    private sealed record Settings(string Name, ObjectAddress Address, ObjectLockWord? Word) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [];

        public string Identify(string directory) => $"{Address.Server}/{Address.Bucket}/{Address.Prefix}{directory}".TrimEnd('/');

        public IBackupStore Open(StoreSurroundings? around = null) => new S3Store(Name, Address, TimeProvider.System, around, around?.PaceOf(Bandwidth)) { Locks = Word };

        public IReadOnlyList<IStoreSettings> Around =>
        [
            .. from end in Address.Prefix.TrimEnd('/').Select((letter, place) => (letter, place)).Where(found => found.letter == '/').Select(found => found.place + 1).Reverse().Append(0)
               where end < Address.Prefix.Length
               select this with { Address = Address with { Prefix = Address.Prefix[..end] } },
        ];

        /// <summary>
        /// Locks of objects say that there were to be locks. What a bucket gives every object may be what they have, and nobody takes
        /// away a lock of compliance: so these are for a person to take over.
        /// </summary>
        public async Task<(MappingNode Keys, MappingNode? Offered)> CompleteAsync(MappingNode keys, IReadOnlyList<string> files, CancellationToken cancellationToken)
        {
            using var client = new ObjectClient(Address, ObjectRole.Store, TimeProvider.System);
            ObjectLockWord? locked = null;
            foreach (var file in files)
            {
                if ((locked = (await client.HeadAsync(file, cancellationToken))?.LockedBy) is not null)
                    break;
            }

            var usual = await client.DefaultLockAsync(cancellationToken);
            return (locked ?? usual) switch
            {
                null => (keys, null),
                ObjectLockWord.Governance when usual is null => (With(keys, ObjectLockWord.Governance), null),
                { } word => (keys, With(keys, word)),
            };
        }

        private static MappingNode With(MappingNode keys, ObjectLockWord word) => keys with
        {
            Entries = [.. keys.Entries.Select(entry => entry is { Key: "s3", Value: MappingNode below } ? entry with { Value = below with { Entries = [.. below.Entries, .. DocumentText.Mapping((LockKey, DocumentText.Value(word.Word()))).Entries] } } : entry)],
        };

        /// <summary>Amazon's own is; where another server stands, only its owner knows.</summary>
        public bool IsOffsite { get; init; }

        public IReadOnlyList<BandwidthLimit> Bandwidth { get; init; } = [];

        public IEnumerable<ConfigurationProblem> Check()
        {
            var (key, health) = (KeyPath.Join("stores", Name, "s3"), Open().GetHealthAsync(CancellationToken.None).GetAwaiter().GetResult());
            return [.. Address.Credentials.Check(key), .. health.Failure is { } failure ? (ConfigurationProblem[])[new ConfigurationProblem(key, Line: 0, Address.Shown, failure.Message, failure.Hint)] : CheckLocks(key)];
        }

        /// <summary>What a stolen key could do.</summary>
        private IEnumerable<ConfigurationProblem> CheckLocks(string key)
        {
            using var client = new ObjectClient(Address, ObjectRole.Store, TimeProvider.System);
            var (canLock, keepsVersions) = (Ask(client.CanLockAsync), Ask(client.KeepsVersionsAsync));
            var policy = $"give it this policy alone: {S3StorePolicy.For(Address, Word is not null)}";
            if (Word is not null && canLock == false)
            {
                yield return new ConfigurationProblem(
                    KeyPath.Join(key, LockKey), Line: 0, Address.Bucket, "the bucket has no Object Lock, so that no backup can be written", $"make a bucket that has it (aws {Address.AwsOptions}s3api create-bucket --object-lock-enabled-for-bucket --bucket NAME), or take {LockKey} out");
                yield break;
            }

            if (Word is not null && canLock is null)
                yield return Warning("the key may not ask whether the bucket has Object Lock", policy);
            if (Word is null && canLock != true && keepsVersions == false)
                yield return Warning("versioning is off and there is no Object Lock: what somebody with the key deletes is gone for good", "take a bucket with Object Lock and write objectLock: governance, or turn on versioning");
            else if (Word is null && canLock == true)
                yield return Warning($"the bucket has Object Lock, and {LockKey} is not set: no backup is locked", $"write {LockKey}: governance");
            if (keepsVersions == true && Ask(token => client.MayDeleteVersionsAsync(Probe, past: Word == ObjectLockWord.Governance, token)) == true)
                yield return Warning($"the key may delete older versions{(Word == ObjectLockWord.Governance ? ", and past their lock" : "")}, which the agent never does: whoever steals it destroys backups", policy);

            ConfigurationProblem Warning(string problem, string mend) => new(key, Line: 0, Address.Shown, problem, mend, IsError: false);
        }

        /// <returns>Null when the key may not ask, or the server does not know.</returns>
        private static bool? Ask(Func<CancellationToken, Task<bool>> question)
        {
            try
            {
                return question(CancellationToken.None).GetAwaiter().GetResult();
            }
            catch (ObjectException)
            {
                return null;
            }
        }
    }
}

/// <summary>Looks at a bucket as an operator would.</summary>
internal sealed class S3StoreInspection(ObjectAddress address) : IStoreInspection
{
    public string? CommandFor(StoreQuestion question, string path) => question switch
    {
        StoreQuestion.WhichDisk or StoreQuestion.WhatIsThere or StoreQuestion.WhoseIsIt => Aws("s3", "ls", Folder(path)),
        StoreQuestion.WhatWasDeleted => Aws("s3api", "list-object-versions", "--bucket", address.Bucket, "--prefix", address.Prefix + Below(path), "--query", "DeleteMarkers[?IsLatest].[LastModified,Key,VersionId]", "--output", "text"),
        StoreQuestion.HowFull => Aws("s3", "ls", "--recursive", "--summarize", Folder(path)),
        _ => null,
    };

    /// <summary>Rights are the key's, not a user's of this machine.</summary>
    public IReadOnlyList<string> Handover(string path, string user) => [];

    public (string? Like, string Mend) Emptied => (null, $"correct bucket:, prefix: or endpoint: ({CommandFor(StoreQuestion.WhatIsThere, "")} shows what is there); what was deleted in a bucket that keeps versions: {CommandFor(StoreQuestion.WhatWasDeleted, "")}");

    public string? Rename(string from, string to) => null;

    private string Aws(params string[] words) => $"aws {address.AwsOptions}{ToolProcess.Line(words)}";

    private string Folder(string path) => address.Describe(Below(path));

    private static string Below(string path) => path.Length == 0 ? "" : path + "/";
}
