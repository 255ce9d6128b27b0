using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.S3;

/// <summary><c>s3:</c>, a bucket or what lies below a prefix of it.</summary>
internal sealed class S3StoreKind : IStoreKind
{
    private const string Value = "{bucket: nexus-backups, endpoint: \"https://s3.example\"}";

    private static readonly LevelKeys Keys = new("stores.<name>.s3", [.. ObjectAddressBinder.Keys]);

    public string Key => "s3";

    public IReadOnlyList<string> Options => [];

    public IReadOnlyList<LevelKeys> Levels => [Keys, .. ObjectAddressBinder.Levels(Keys.Place)];

    public string Example => $"{Key}: {Value}";

    public string Teaching => $"its bucket, for example {Example}";

    public IStoreSettings? Bind(string name, Section store, string baseDirectory)
    {
        var isOffsite = store.Find(StoreKinds.OffsiteKey) is null ? (bool?)null : store.Flag(StoreKinds.OffsiteKey);
        if (store.Find(Key)?.Section(Value) is not { } section)
            return null;
        Keys.ReportOthers(section);
        return ObjectAddressBinder.Bind(section, baseDirectory) is { } address ? new Settings(name, address) { IsOffsite = isOffsite ?? address.Endpoint is null, Bandwidth = BandwidthBinder.Bind(store) } : null;
    }

    private sealed record Settings(string Name, ObjectAddress Address) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [];

        public string Identify(string directory) => $"{Address.Server}/{Address.Bucket}/{Address.Prefix}{directory}".TrimEnd('/');

        public IBackupStore Open(StoreSurroundings? around = null) => new S3Store(Name, Address, TimeProvider.System, around, around?.PaceOf(Bandwidth));

        /// <summary>Amazon's own is; where another server stands, only its owner knows.</summary>
        public bool IsOffsite { get; init; }

        public IReadOnlyList<BandwidthLimit> Bandwidth { get; init; } = [];

        public IEnumerable<ConfigurationProblem> Check()
        {
            var health = Open().GetHealthAsync(CancellationToken.None).GetAwaiter().GetResult();
            return health.Failure is { } failure ? [new ConfigurationProblem(KeyPath.Join("stores", Name, "s3"), Line: 0, Address.Shown, failure.Message, failure.Hint)] : [];
        }
    }
}

/// <summary>Looks at a bucket as an operator would.</summary>
internal sealed class S3StoreInspection(ObjectAddress address) : IStoreInspection
{
    public string? CommandFor(StoreQuestion question, string path) => question switch
    {
        StoreQuestion.WhichDisk or StoreQuestion.WhatIsThere or StoreQuestion.WhoseIsIt => Aws("s3", "ls", Folder(path)),
        StoreQuestion.HowFull => Aws("s3", "ls", "--recursive", "--summarize", Folder(path)),
        _ => null,
    };

    /// <summary>Rights are the key's, not a user's of this machine.</summary>
    public IReadOnlyList<string> Handover(string path, string user) => [];

    public (string? Like, string Mend) Emptied => (null, $"correct bucket:, prefix: or endpoint: ({CommandFor(StoreQuestion.WhatIsThere, "")} shows what is there)");

    public string? Rename(string from, string to) => null;

    private string Aws(params string[] words) => $"aws {address.AwsOptions}{ToolProcess.Line(words)}";

    private string Folder(string path) => address.Describe(path.Length == 0 ? "" : path + "/");
}
