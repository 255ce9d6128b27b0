using System.Globalization;

namespace NexusBackupAgent.Catalog;

/// <summary>The names of a backup's files: <c>&lt;schedule&gt;_&lt;yyyyMMdd_HHmmss&gt;&lt;ext&gt;</c> and what lies beside it: the artifact's own name with a suffix.</summary>
internal static class BackupFiles
{
    private const string TimeFormat = "yyyyMMdd_HHmmss";
    private const string ManifestSuffix = ".manifest.json";
    private const string PendingSuffix = ".pending";
    private const string SetAsideSuffix = ".bad";

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

    public static string Checksum(string artifact) => artifact + ".sha256";

    public static string Manifest(string artifact) => artifact + ManifestSuffix;

    public static string Verification(string artifact) => artifact + ".verification.json";

    public static string Drill(string artifact) => artifact + ".drill.json";

    /// <summary>The hashes of the pages that the artifact holds, by which the next increment finds what changed. It can be made anew from the artifact.</summary>
    public static string Pages(string artifact) => artifact + ".pages";

    /// <summary>What a corrupt artifact is renamed to, as the runbook does (§3.2 [A]): no <c>*.db.gz</c> finds it.</summary>
    public static string SetAside(string artifact) => artifact + SetAsideSuffix;

    public static bool IsSetAside(string artifact) => artifact.EndsWith(SetAsideSuffix, StringComparison.Ordinal);

    /// <summary>Whether a name is that of an artifact which was set aside, or of what lies beside one.</summary>
    public static bool IsOfSetAside(string file) => file.Contains(SetAsideSuffix, StringComparison.Ordinal);

    /// <summary>The name under which an artifact was stored, whether or not it was set aside since.</summary>
    public static string Original(string artifact) => IsSetAside(artifact) ? artifact[..^SetAsideSuffix.Length] : artifact;

    /// <summary>The other one of an artifact's two names.</summary>
    public static string OtherName(string artifact) => IsSetAside(artifact) ? Original(artifact) : SetAside(artifact);

    /// <summary>A further part of the same backup: it sorts and moves with the artifact.</summary>
    /// <param name="part">What tells it from the others: <c>wal.tar.gz</c>.</param>
    public static string Part(string artifact, string part) => $"{artifact}.{part}";

    /// <summary>What lies beside an artifact, the most telling first.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public static string[] CompanionsOf(string artifact, params IEnumerable<string> parts) =>
        [Manifest(artifact), Verification(artifact), Drill(artifact), Pages(artifact), Checksum(artifact), .. parts.Select(part => Part(artifact, part))];

    /// <summary>Every file of a backup in the order of deleting: the manifest first, the artifact last but for the marks.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public static string[] AllOf(string artifact, params IEnumerable<string> parts) => [.. CompanionsOf(artifact, parts), artifact, .. MarksOf(artifact, parts)];

    /// <summary>The marks of an artifact and its further parts, each of which bears its own.</summary>
    public static string[] MarksOf(string artifact, params IEnumerable<string> parts) => [.. parts.Select(part => Pending(Part(artifact, part))), Pending(artifact)];

    /// <summary>The mark that says: this artifact is being written or deleted by an agent, and without a manifest it is only a leftover.</summary>
    public static string Pending(string artifact) => "." + artifact + PendingSuffix;

    /// <summary>The artifact that a manifest is named after, or null when the file is no manifest.</summary>
    public static string? ArtifactOfManifest(string file) =>
        file.EndsWith(ManifestSuffix, StringComparison.Ordinal) ? file[..^ManifestSuffix.Length] : null;

    /// <summary>The artifact that a pending mark speaks of, or null when the file is no such mark.</summary>
    public static string? ArtifactOfPending(string file) =>
        file.StartsWith('.') && file.EndsWith(PendingSuffix, StringComparison.Ordinal) ? file[1..^PendingSuffix.Length] : null;
}
