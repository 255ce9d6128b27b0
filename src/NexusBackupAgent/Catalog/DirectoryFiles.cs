using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>The files of a source's directory at one instant, with what was changed since by who looked, and which of them belong together.</summary>
/// <param name="files">By name.</param>
/// <param name="formats">How artifacts are named before they are set aside.</param>
/// <param name="companions">Of whose files nothing but the names is known; null: there is none.</param>
internal sealed class DirectoryFiles(Dictionary<string, StoredFile> files, ArtifactFormats formats, CompanionNames? companions = null)
{
    /// <summary>Whether anything bears the name of an artifact that was set aside; mostly nothing does, and then nothing is looked up under a second name.</summary>
    private bool hasSetAside = files.Keys.Any(name => BackupFiles.IsOfSetAside(name));

    /// <summary>All files but those of which nothing is known but their name.</summary>
    public IEnumerable<StoredFile> All => files.Values;

    public IEnumerable<StoredFile> Artifacts => files.Values.Where(file => !file.IsOdd && IsArtifact(file.Name));

    public bool Has(string file) => files.ContainsKey(file) || companions?.Has(file) == true;

    private bool TryGet(string file, out StoredFile found)
    {
        if (files.TryGetValue(file, out found))
            return true;
        if (companions?.Has(file) != true)
            return false;
        found = new StoredFile(file, length: 0, default);
        return true;
    }

    /// <summary>Whether a name is an artifact's, as it was stored or set aside.</summary>
    public bool IsArtifact(string file) => formats.IsArtifact(BackupFiles.Original(file)) && !file.StartsWith('.') && !IsPart(file);

    /// <summary>Whether a file belongs to a committed backup as a further part, whatever its own name ends with.</summary>
    private bool IsPart(string file) =>
        formats.ArtifactOfPart(file) is { } artifact && BackupFiles.OtherName(artifact) != file && (Has(BackupFiles.Manifest(artifact)) || Has(BackupFiles.Manifest(BackupFiles.SetAside(artifact))));

    /// <summary>How many manifests lie here, whatever they belong to.</summary>
    public int ManifestCount => files.Keys.Count(BackupFiles.IsManifest) + (companions?.CountOf(BackupFiles.Manifest("")) ?? 0);

    /// <summary>The further parts of an artifact that are marked as being written.</summary>
    public IReadOnlyList<string> MarkedPartsOf(string artifact) =>
        [.. files.Keys.Select(BackupFiles.ArtifactOfPending).OfType<string>().Where(marked => formats.ArtifactOfPart(marked) == artifact).Select(marked => marked[(artifact.Length + 1)..])];

    /// <summary>Notes what was written.</summary>
    public void Put(StoredFile file)
    {
        files[file.Name] = file;
        hasSetAside |= BackupFiles.IsOfSetAside(file.Name);
    }

    /// <summary>Notes what was deleted.</summary>
    public void Remove(string file) => files.Remove(file);

    /// <summary>Notes what was renamed. When that was, only the store knows.</summary>
    public void Rename(string from, string to)
    {
        if (files.Remove(from, out var file))
            Put(file with { Name = to, ChangedAt = null });
    }

    /// <summary>Whether an artifact's name says that it holds only what changed.</summary>
    public bool IsIncrement(string artifact) => formats.IsIncrement(BackupFiles.Original(artifact));

    /// <summary>
    /// A file beside an artifact, under the artifact's name or else under its other one: the artifact is renamed first,
    /// so a crash may leave its companions behind, and an operator renames it alone (runbook §3.2 [A]).
    /// </summary>
    /// <param name="artifact">The artifact's name now.</param>
    /// <param name="beside">Names the companion of an artifact.</param>
    public bool TryGetCompanion(string artifact, Func<string, string> beside, [NotNullWhen(true)] out StoredFile? companion)
    {
        if (!hasSetAside)
        {
            companion = TryGet(beside(artifact), out var only) ? only : null;
            return companion is not null;
        }

        var other = BackupFiles.OtherName(artifact);
        companion = TryGet(beside(artifact), out var own) ? own
            : !Has(other) && TryGet(beside(other), out var left) ? left
            : null;
        return companion is not null;
    }

    /// <summary>The companions of an artifact that bear its other name, and what they are to be called.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public IReadOnlyList<(string From, string To)> StraysOf(string artifact, IReadOnlyList<string> parts)
    {
        if (!hasSetAside)
            return [];
        var other = BackupFiles.OtherName(artifact);
        return Has(other)
            ? []
            : [.. formats.CompanionsOf(other, parts).Zip(formats.CompanionsOf(artifact, parts)).Where(pair => Has(pair.First) && !Has(pair.Second))];
    }

    /// <summary>A further part of an artifact, under the artifact's name or else under its other one; null when it is gone.</summary>
    public StoredFile? PartOf(string artifact, string part) => TryGetCompanion(artifact, name => BackupFiles.Part(name, part), out var file) ? file : null;

    /// <summary>Whether an artifact is here with its manifest, under either name; of a further part: whether its artifact is.</summary>
    public bool IsCommitted(string file) => IsCommittedArtifact(formats.ArtifactOf(file));

    /// <summary>Whether an artifact is here, and its encoding leaves no sign of who wrote it.</summary>
    public bool IsUnsigned(string artifact) => Has(artifact) && formats.IsArtifact(BackupFiles.Original(artifact)) && !formats.IsSigned(BackupFiles.Original(artifact));

    private bool IsCommittedArtifact(string artifact) => ((string[])[artifact, BackupFiles.OtherName(artifact)])
        .Any(name => Has(name) && TryGetCompanion(name, BackupFiles.Manifest, out _));

    /// <summary>Whether the artifact that a manifest speaks of is not here.</summary>
    public bool IsBereft(string artifact) => !Has(artifact) && (!Has(BackupFiles.OtherName(artifact)) || Has(BackupFiles.Manifest(BackupFiles.OtherName(artifact))));
}

/// <summary>The files beside artifacts of which only the name is asked, without a text for each: a catalog may hold three hundred thousand.</summary>
/// <param name="endings">What their names end with behind the artifact's, at most eight.</param>
internal sealed class CompanionNames(IReadOnlyList<string> endings)
{
    private readonly Dictionary<string, byte> byArtifact = new(StringComparer.Ordinal); // a bit for each ending

    /// <summary>Keeps the name if it is one of theirs. What was set aside may bear either of two names, and is not.</summary>
    /// <returns>Null where it does; otherwise the name, in one text with that of the artifact here.</returns>
    public string? Take(ReadOnlySpan<char> file)
    {
        var lookup = byArtifact.GetAlternateLookup<ReadOnlySpan<char>>();
        if (file is not ['.', ..] && !BackupFiles.IsOfSetAside(file) && EndingOf(file) is >= 0 and var place)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, file[..^endings[place].Length], out _) |= (byte)(1 << place);
            return null;
        }

        lookup.TryAdd(file, 0);
        return lookup.TryGetValue(file, out var text, out _) ? text : file.ToString();
    }

    public bool Has(ReadOnlySpan<char> file) =>
        EndingOf(file) is >= 0 and var place && byArtifact.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(file[..^endings[place].Length], out var bits) && (bits & (1 << place)) != 0;

    /// <summary>How many end so.</summary>
    public int CountOf(string ending)
    {
        var bit = 1 << EndingOf("-" + ending);
        return byArtifact.Values.Count(bits => (bits & bit) != 0);
    }

    private int EndingOf(ReadOnlySpan<char> file)
    {
        for (var place = 0; place < endings.Count; place++)
        {
            if (file.EndsWith(endings[place], StringComparison.Ordinal) && file.Length > endings[place].Length)
                return place;
        }

        return -1;
    }
}

/// <summary>The names of a backup's files: <c>&lt;schedule&gt;_&lt;yyyyMMdd_HHmmss&gt;&lt;ext&gt;</c> and what lies beside it: the artifact's own name with a suffix.</summary>
internal static partial class BackupFiles
{
    public const string TimeFormat = "yyyyMMdd_HHmmss";
    private const string ManifestSuffix = ".manifest.json";
    private const string PendingSuffix = ".pending";

    /// <param name="duplicate">0, or the number that tells apart backups of the same second: <c>daily_20260214_020000-1.db.gz</c>.</param>
    public static string Artifact(string schedule, DateTimeOffset capturedAt, TimeZoneInfo zone, int duplicate, string extension)
    {
        var local = TimeZoneInfo.ConvertTime(capturedAt, zone).ToString(TimeFormat, CultureInfo.InvariantCulture);
        return duplicate == 0 ? $"{schedule}_{local}{extension}" : $"{schedule}_{local}-{duplicate}{extension}";
    }

    /// <summary>The local time in a name that somebody else gave: the runbook's <c>manual_$(date +%Y%m%d_%H%M%S).db.gz</c>.</summary>
    public static DateTimeOffset? CapturedAt(string artifact, TimeZoneInfo zone)
    {
        var name = artifact.AsSpan(0, artifact.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? dot : artifact.Length);
        if (name.Length < TimeFormat.Length
            || !DateTime.TryParseExact(name[^TimeFormat.Length..], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local)
            || zone.IsInvalidTime(local))
        {
            return null;
        }

        return new DateTimeOffset(local, zone.GetUtcOffset(local)).ToUniversalTime();
    }

    /// <summary>Whether a name is like that of an artifact, or of what lies beside one.</summary>
    public static bool IsLikeOne(string file) => LikeOne().IsMatch(file);

    [GeneratedRegex(@"^[^.]+_[0-9]{8}_[0-9]{6}(-[0-9]+)?\.", RegexOptions.NonBacktracking)]
    private static partial Regex LikeOne();

    public static string Checksum(string artifact) => artifact + ".sha256";

    public static string Manifest(string artifact) => artifact + ManifestSuffix;

    public static string Verification(string artifact) => artifact + ".verification.json";

    public static string Drill(string artifact) => artifact + ".drill.json";

    /// <summary>What a corrupt artifact is renamed to, as the runbook does (§3.2 [A]): no <c>*.db.gz</c> finds it.</summary>
    public static string SetAside(string artifact) => SetAsideName.Of(artifact);

    public static bool IsSetAside(string artifact) => SetAsideName.Is(artifact);

    /// <summary>Whether a name is that of an artifact which was set aside, or of what lies beside one.</summary>
    public static bool IsOfSetAside(ReadOnlySpan<char> file) => SetAsideName.IsOfOne(file);

    /// <summary>The name under which an artifact was stored, whether or not it was set aside since.</summary>
    public static string Original(string artifact) => SetAsideName.Original(artifact);

    /// <summary>The other one of an artifact's two names.</summary>
    public static string OtherName(string artifact) => IsSetAside(artifact) ? Original(artifact) : SetAside(artifact);

    /// <summary>A further part of the same backup: it sorts and moves with the artifact.</summary>
    /// <param name="part">What tells it from the others: <c>wal.tar.gz</c>.</param>
    public static string Part(string artifact, string part) => $"{artifact}.{part}";

    /// <summary>What lies beside every artifact, the most telling first.</summary>
    public static string[] CompanionsOf(string artifact) => [Manifest(artifact), Verification(artifact), Drill(artifact), Checksum(artifact)];

    /// <summary>The marks of an artifact and its further parts, each of which bears its own.</summary>
    public static string[] MarksOf(string artifact, params IEnumerable<string> parts) => [.. parts.Select(part => Pending(Part(artifact, part))), Pending(artifact)];

    /// <summary>The mark that says: this artifact is being written or deleted by an agent, and without a manifest it is only a leftover.</summary>
    public static string Pending(string artifact) => "." + artifact + PendingSuffix;

    public static bool IsManifest(string file) => file.EndsWith(ManifestSuffix, StringComparison.Ordinal);

    /// <summary>The artifact that a manifest is named after, or null when the file is no manifest.</summary>
    public static string? ArtifactOfManifest(string file) =>
        IsManifest(file) ? file[..^ManifestSuffix.Length] : null;

    /// <summary>The artifact that a pending mark speaks of, or null when the file is no such mark.</summary>
    public static string? ArtifactOfPending(string file) =>
        file.StartsWith('.') && file.EndsWith(PendingSuffix, StringComparison.Ordinal) ? file[1..^PendingSuffix.Length] : null;
}
