using System.Globalization;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.S3;

/// <summary><c>s3:</c>, a bucket or what lies below a prefix of it.</summary>
internal sealed class S3SourceKind : ISourceKind
{
    public const string Word = "s3";

    private const string SnapshotsKey = "snapshots";

    private const double UsualReadBack = 0.05;

    public static readonly Bilingual Bucket = new("bucket", "バケット");

    private static readonly LevelKeys Keys = new("sources.<name>.s3", [.. ObjectAddressBinder.Keys, "include", "exclude", SnapshotsKey, "verify"]);
    private static readonly LevelKeys SnapshotKeys = new("sources.<name>.s3.snapshots", ObjectAddressBinder.Keys);
    private static readonly LevelKeys VerifyKeys = new("sources.<name>.s3.verify", "readBack");

    public string Key => Word;

    public IReadOnlyList<string> Options => [];

    public IReadOnlyList<LevelKeys> Levels => [Keys, .. ObjectAddressBinder.Levels(Keys.Place), SnapshotKeys, .. ObjectAddressBinder.Levels(SnapshotKeys.Place), VerifyKeys];

    public string Noun => Bucket.English;

    public string Example => "s3: {bucket: photos, snapshots: {bucket: photos-backup}}";

    public string Offer => $"S3 buckets: {Example}";

    public bool HasSpecimen => false;

    public MappingNode ExampleFor(string artifact) => DocumentText.Mapping((Key, DocumentText.Mapping(
        ("bucket", DocumentText.Value("photos")), (SnapshotsKey, artifact.Contains(".tar.", StringComparison.Ordinal) ? null : DocumentText.Mapping(("bucket", DocumentText.Value("photos-backup")))))));

    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        if (source.Find(Key)?.Section("{bucket: photos, snapshots: {bucket: photos-backup}}") is not { } section)
            return null;
        Keys.ReportOthers(section);
        var live = ObjectAddressBinder.Bind(section, baseDirectory);
        var (include, exclude) = (KeyPatterns.Bind(section, "include"), KeyPatterns.Bind(section, "exclude"));
        var keys = new KeyPatterns(include, exclude);
        var verify = section.FindSection("verify", "{readBack: 5%}");
        if (verify is not null)
            VerifyKeys.ReportOthers(verify);
        var readBack = verify?.Find("readBack")?.Parse(ParsePart, UsualReadBack, "5%") ?? UsualReadBack;
        if (section.Find(SnapshotsKey) is null)
        {
            if (verify is not null)
                verify.Error("has no meaning without snapshots:, because a verification reads all of an archive", "remove it");
            return live is null ? null : new BucketSettings(this, name, live, Snapshots: null, new BucketOptions(keys, readBack)) { Include = include, Exclude = exclude };
        }

        if (section.FindSection(SnapshotsKey, "{bucket: photos-backup}") is not { } place)
            return null;
        SnapshotKeys.ReportOthers(place);
        var snapshots = ObjectAddressBinder.Bind(place, baseDirectory, live);
        if (live is null || snapshots is null)
            return null;
        if (live.Server == snapshots.Server && live.Bucket == snapshots.Bucket && (live.Prefix.StartsWith(snapshots.Prefix, StringComparison.Ordinal) || snapshots.Prefix.StartsWith(live.Prefix, StringComparison.Ordinal)))
            place.Error("lies in what is backed up, so that each snapshot would hold the one before", "name another bucket, or another prefix");
        return new BucketSettings(this, name, live, snapshots, new BucketOptions(keys, readBack)) { Include = include, Exclude = exclude };
    }

    public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => throw new NotSupportedException("a bucket needs a server");

    private static double ParsePart(string text) => text == "all" ? 1
        : text.EndsWith('%') && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var part) && part is >= 0 and <= 100
            ? part / 100
            : throw new WrongTextException("is no part of the objects", "write a percentage, for example readBack: 5%, or all");
}

/// <param name="Snapshots">Null: its backups are archives in the store.</param>
internal sealed record BucketSettings(ISourceKind Kind, string Name, ObjectAddress Live, ObjectAddress? Snapshots, BucketOptions Options) : ISourceSettings
{
    public IReadOnlyList<string> Include { get; init; } = [];

    public IReadOnlyList<string> Exclude { get; init; } = [];

    public bool KeepsElsewhere => Snapshots is not null;

    public bool IsGroup => false;

    public string Shown => Live.Shown;

    public SourceFindings Find(IReadOnlyCollection<FoundSource> before) => new([new FoundSource(Name, Live.Shown)], Unlisted: []);

    public bool CanName(string name) => false;

    public string PlaceOf(string name) => Live.Shown;

    public MappingNode OriginOf(string place) => DocumentText.Mapping((Kind.Key, new MappingNode(Line: 0,
    [
        .. ObjectAddressBinder.Write(Live).Entries,
        .. DocumentText.Mapping(
            ("include", DocumentText.Values(Include)),
            ("exclude", DocumentText.Values(Exclude)),
            ("snapshots", Snapshots is null ? null : ObjectAddressBinder.Write(Snapshots))).Entries,
    ])));

    public string? LocalPath(string place) => null;

    public string Identify(string place) => $"{Live.Server}/{Live.Bucket}/{Live.Prefix}";

    public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) => new BucketSource(
        Snapshots is null ? BucketPlaces.OfArchives(Live, timeProvider) : new BucketPlaces(Live, Snapshots, timeProvider), Options, scratch);

    public IEnumerable<ConfigurationProblem> Check()
    {
        var problems = new List<ConfigurationProblem>();
        foreach (var (address, role, key) in ((ObjectAddress?, ObjectRole, string)[])[(Live, ObjectRole.Source, Kind.Key), (Snapshots, ObjectRole.Store, $"{Kind.Key}.snapshots")])
        {
            if (address is null)
                continue;
            problems.AddRange(address.Credentials.Check(KeyPath.Join("sources", Name, Kind.Key)).Except(problems));
            try
            {
                using var client = new ObjectClient(address, role, TimeProvider.System);
                client.RequireBucketAsync(CancellationToken.None).GetAwaiter().GetResult();
            }
            catch (BackupException failure)
            {
                problems.Add(new ConfigurationProblem(KeyPath.Join("sources", Name, key), Line: 0, address.Shown, failure.Message, failure.Hint));
            }
        }

        return problems;
    }
}

/// <summary>Looks at a bucket as an operator would.</summary>
internal sealed class BucketInspection(BucketPlaces places) : ISourceInspection
{
    private string Aws => $"aws {places.Live.AwsOptions}";

    public bool Exists
    {
        get
        {
            try
            {
                using var live = new ObjectClient(places.Live, ObjectRole.Source, places.TimeProvider);
                Task.Run(() => live.RequireBucketAsync(CancellationToken.None)).GetAwaiter().GetResult();
                return true;
            }
            catch (BackupException)
            {
                return false; // why, the trial of a capture tells
            }
        }
    }

    public bool IsServed => true;

    public IReadOnlyList<string> SafetyCopies
    {
        get
        {
            try
            {
                using var client = new ObjectClient(places.Snapshots, ObjectRole.Store, places.TimeProvider);
                var (_, folders) = Task.Run(() => client.ListFolderAsync("", CancellationToken.None)).GetAwaiter().GetResult();
                return [.. folders.Where(folder => folder.StartsWith("pre_restore.", StringComparison.Ordinal)).OrderDescending(StringComparer.Ordinal).Select(folder => places.Snapshots.Describe(folder + "/"))];
            }
            catch (BackupException)
            {
                return []; // that the server does not answer is told of the bucket
            }
        }
    }

    public HeldDeleted? HeldDeleted => null;

    public string CheckName => "the comparison with the inventory";

    public string? CommandFor(SourceQuestion question) => question switch
    {
        SourceQuestion.WhatIsThere or SourceQuestion.IsItWhole => $"{Aws}s3 ls --recursive --summarize {places.Live.Shown}",
        SourceQuestion.WhoMayReachIt => $"{Aws}s3api get-bucket-acl --bucket {places.Live.Bucket}",
        SourceQuestion.WhichDisk or SourceQuestion.DoesItsServerAnswer => places.Live.Endpoint is { } endpoint ? ToolProcess.Line(["curl", "-sSI", $"{endpoint}"]) : $"{Aws}s3 ls",
        _ => null,
    };

    public string CheckCommand(string safetyCopy) => $"aws {places.Snapshots.AwsOptions}s3 ls --recursive --summarize {safetyCopy}";
}
