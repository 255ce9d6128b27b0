using System.Text.Json.Serialization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Documents;

/// <summary>A backup as <c>--json</c> prints it. Times are ISO 8601 UTC; <c>file</c> is where it lies; null where something is unknown.</summary>
internal sealed record BackupDocument(
    string Id,
    string Source,
    string Schedule,
    string Type,
    string? Base,
    string CapturedAt,
    string File,
    long SizeBytes,
    long? ContentBytes,
    string? Sha256,
    string State,
    string? VerifiedAt)
{
    /// <summary>Of a good one: <c>whole</c> when it was expanded with all that it builds on, <c>chain</c> when it alone was read; of an encrypted one also <c>captured</c>, when its content was checked before that and its stored bytes since, and <c>storedBytes</c>; absent otherwise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Proof { get; init; }

    /// <summary>The first instant that it can be restored to; absent when that is the one that was captured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RestorableFrom { get; init; }

    /// <summary>Why it can't be restored for what it builds on; absent when all of that is there.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BrokenChain { get; init; }

    /// <summary>Why it is full although something else was asked for, as far as the journal remembers; absent when it is what was asked for. Only in a list.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FullBecause { get; init; }

    /// <summary>To whom it is encrypted, as <c>age-keygen -y</c> prints it; empty where that is not known, absent when it is not encrypted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Recipients { get; init; }

    /// <summary>What its last reading could not check, or found that is no damage; absent when there is nothing to say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

    /// <summary>What is wrong with the small files beside it, its manifest included; absent when nothing is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SidecarTroubleDocument>? Troubles { get; init; }

    /// <summary>The stores in which it is good, the first one first; absent where the source has one store, or nobody asked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Stores { get; init; }

    /// <summary>Only where a command verifies.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CheckDocument>? Checks { get; init; }

    /// <summary><c>storedBytes</c> where a command read these alone, whatever was proven before; absent otherwise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Read { get; init; }

    public static BackupDocument Of(BackupCatalog catalog, Backup backup)
    {
        var manifest = backup.Manifest;
        return new BackupDocument(
            manifest.Id.Value,
            manifest.Source,
            manifest.Schedule,
            manifest.Type.Word(),
            manifest.Base?.Value,
            JsonTime.Utc(manifest.CapturedAt),
            catalog.Locate(backup.File),
            backup.ActualLength,
            manifest.IsCommitted ? manifest.Content.Length : null,
            manifest.IsCommitted ? manifest.Stored.Sha256 : null,
            backup.State.Word(),
            backup.Verification is { } verification ? JsonTime.Utc(verification.VerifiedAt) : null)
        {
            Proof = backup.Proof?.CamelWord(),
            RestorableFrom = manifest.RestorableFrom is { } from ? JsonTime.Utc(from) : null,
            BrokenChain = backup.BrokenChain,
            Recipients = manifest.Encryption?.Recipients,
            Note = backup.Verification?.Note,
            Troubles = SidecarTroubleDocument.Of(backup),
        };
    }

    /// <summary>The same with what its verification just found. One that can't be restored for what it builds on was not read.</summary>
    public static BackupDocument OfVerified(BackupCatalog catalog, Backup backup) => Of(catalog, backup) with { Checks = CheckDocument.Of(backup.HasBrokenChain ? null : backup.Verification) };

    /// <summary>The same with what a reading of its stored bytes just showed.</summary>
    public static BackupDocument OfRead(BackupCatalog catalog, Backup backup, VerificationResult shown) => Of(catalog, backup) with { Checks = CheckDocument.Of(shown), Read = shown.Proof?.CamelWord() };
}

/// <param name="File">Its name in the directory of the backup.</param>
internal sealed record SidecarTroubleDocument(string File, string Reason)
{
    public static IReadOnlyList<SidecarTroubleDocument>? Of(Backup backup)
    {
        var all = backup.AllTroubles.Select(trouble => new SidecarTroubleDocument(trouble.File, trouble.Reason)).ToList();
        if (backup.Unreadable is { } unreadable)
            all.Add(new SidecarTroubleDocument(BackupFiles.Manifest(backup.File), unreadable.Message));
        return all.Count == 0 ? null : all;
    }
}

/// <summary>One check of a verification.</summary>
internal sealed record CheckDocument(string Check, bool Passed, string Detail)
{
    /// <summary>Those of a verification; none when there was none.</summary>
    public static IReadOnlyList<CheckDocument> Of(VerificationResult? verification) =>
        [.. (verification?.Checks ?? []).Select(check => new CheckDocument(check.Check.Word(), check.Passed, check.Detail))];
}

/// <summary>One backup with all that the API knows of it.</summary>
/// <param name="Chain">The files that a restore of it reads, in this order: the full one first.</param>
/// <param name="HandRestore">Commands that put it together with standard tools, where its files and those of its chain lie.</param>
internal sealed record StoredBackupDocument(
    BackupDocument Backup, IReadOnlyList<string> Chain, IReadOnlyList<CheckDocument> Checks, LastProofDocument? Drill, string ArtifactUrl, string ChecksumUrl, IReadOnlyList<string> HandRestore)
{
    /// <summary>Where its files are listed; null of a source that is restored whole.</summary>
    public string? ContentsUrl { get; init; }

    public static StoredBackupDocument Of(BackupCatalog catalog, Backup backup, bool hasFiles, IReadOnlyList<string> handRestore)
    {
        var url = $"/api/v1/backups/{Uri.EscapeDataString(backup.Id.Value)}";
        return new StoredBackupDocument(
            BackupDocument.Of(catalog, backup),
            [.. backup.Chain.Reverse().Select(link => link.File)],
            CheckDocument.Of(backup.Verification),
            backup.Drill is { } drill ? new LastProofDocument(JsonTime.Utc(drill.DrilledAt), drill.Passed, drill.Seconds) : null,
            url + "/artifact",
            url + "/sha256",
            handRestore)
        {
            ContentsUrl = hasFiles ? url + "/contents" : null,
        };
    }
}

/// <param name="Seconds">How long the practised restore took.</param>
internal sealed record LastProofDocument(string At, bool Passed, double Seconds);

/// <summary>A file of a backup: a line of <c>list --contents</c>.</summary>
/// <param name="Type"><c>file</c>, <c>directory</c>, <c>link</c>, or <c>hardLink</c>: a further name of a file.</param>
/// <param name="Target">Where a link leads, or of which file it is a further name.</param>
/// <param name="Mode">In octal.</param>
internal sealed record ContentDocument(string Path, string Type, long SizeBytes, string ModifiedAt, string? Target, string? Mode, string? Owner, string? Sha256)
{
    public static ContentDocument Of(CapturedFile file) => new(
        file.Path, file.Type, file.Bytes, JsonTime.Utc(file.Modified), file.Target, file.Mode is { } mode ? Convert.ToString(mode, 8).PadLeft(4, '0') : null, file.Owner, file.Sha256);
}
