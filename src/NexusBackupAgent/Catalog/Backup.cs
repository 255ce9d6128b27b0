using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// A committed backup as the catalog read it from the store: the manifest, what its last verification said,
/// and where it lies.
/// </summary>
/// <param name="Manifest">What was committed; never changes.</param>
/// <param name="Directory">The directory inside the store that holds it; empty for the store's root.</param>
/// <param name="Artifact">The artifact as the store tells it now.</param>
/// <param name="Verification">The last verification, or null if it was never read back.</param>
internal sealed record Backup(BackupManifest Manifest, string Directory, StoredFile Artifact, VerificationResult? Verification)
{
    public BackupId Id => Manifest.Id;

    /// <summary>
    /// What a restore of it needs besides it, from the backup that it builds on down to a full one; empty for a full one. When
    /// <see cref="BrokenChain"/> says why not all of that can be had: as far as it is here.
    /// </summary>
    public IReadOnlyList<Backup> Bases { get; init; } = [];

    /// <summary>Why it can't be restored although nothing is known to be wrong with its own file: what it builds on is gone, corrupt or set aside; null when all of that is there.</summary>
    public string? BrokenChain { get; init; }

    /// <summary>Its own file is where it belongs, and it can't be restored all the same.</summary>
    public bool HasBrokenChain => BrokenChain is not null && !IsSetAside;

    /// <summary>What is not there under its identity, so that it can't be restored; null when nothing is, or when what is there breaks the chain.</summary>
    public BackupId? MissingBase => HasBrokenChain && Bases.All(link => link.HasBrokenChain) && Chain.Last().Manifest is { Type: not BackupType.Full, Base: { } id } ? id : null;

    /// <summary>It, and what it builds on: what a restore reads.</summary>
    public IEnumerable<Backup> Chain => Bases.Prepend(this);

    /// <summary>Its further parts as the store tells them now, in the manifest's order; null for one that is gone.</summary>
    public IReadOnlyList<StoredFile?> Parts { get; init; } = [];

    /// <summary>Bytes of the artifact and its further parts now; what is gone has none.</summary>
    public long StoredLength => ActualLength + Parts.Sum(part => part?.Length ?? 0);

    /// <summary>Bytes of the stored files that a reading of it takes, what it builds on included.</summary>
    public long LengthToRead => Chain.Sum(link => link.StoredLength);

    /// <summary>Bytes of the largest file that a restore of it makes on its way.</summary>
    public long ExpandedLength => Chain.Max(link => link.Manifest.Restored?.Length ?? link.Manifest.Content.Length);

    /// <summary>The last drill with it, or null if there was none.</summary>
    public DrillResult? Drill { get; init; }

    /// <summary>Why what the last reading found could not be kept beside it, as on a store that is full or read-only; null when it is kept.</summary>
    public BackupException? NotRecorded { get; init; }

    public string Source => Manifest.Source;

    public string Schedule => Manifest.Schedule;

    public DateTimeOffset CapturedAt => Manifest.CapturedAt;

    /// <summary>The first instant that it can be restored to, whose state it is by itself.</summary>
    public DateTimeOffset RestorableFrom => Manifest.RestorableFrom ?? CapturedAt;

    /// <summary>The artifact's size in bytes now; it differs from the committed one when somebody changed the file.</summary>
    public long ActualLength => Artifact.Length;

    /// <summary>Somebody made the file by hand, and no reading back has taken it into the catalog yet.</summary>
    public bool IsHandMade => Manifest is { Adopted: true, IsCommitted: false };

    /// <summary>Somebody made the file by hand and encrypted it, and no key is here to look into it: until one is, nobody knows what it is.</summary>
    public bool AwaitsKey { get; init; }

    /// <summary>Whether it is encrypted.</summary>
    public bool IsEncrypted => Manifest.Encryption is not null;

    /// <summary>The artifact's name in <see cref="Directory"/> now; the manifest says under which it was stored.</summary>
    public string File => Artifact.Name;

    /// <summary>Whether somebody who writes this means it: its identity, or its file, however the place of that is written before it.</summary>
    public bool IsNamed(string text) => Id.Value == text || File == text[(text.LastIndexOf('/') + 1)..];

    /// <summary>Its companions still bear the artifact's other name: somebody, or a crash, renamed the artifact alone.</summary>
    public bool IsScattered { get; init; }

    /// <summary>Why its manifest or its last verification can't be read now; null when they can. That is no damage, and nothing is concluded until it passes.</summary>
    public BackupException? Unreadable { get; init; }

    /// <summary>Why its manifest is not believed although it can be read; null when it is. All else of it is then what its file's name tells.</summary>
    public SidecarTrouble? ManifestTrouble { get; init; }

    /// <summary>The same as what speaks against the backup.</summary>
    public string? ManifestDamage => ManifestTrouble is { } trouble ? $"its manifest {trouble.File} is damaged or belongs to another backup: {trouble.Reason}" : null;

    /// <summary>Whether a reading showed that it is what its <c>.sha256</c> file says, and passes every check that asks no manifest.</summary>
    public bool DoubtsOnlyManifest { get; init; }

    /// <summary>The small files beside it that are not what they should be, its manifest aside: none of that speaks against the backup.</summary>
    public IReadOnlyList<SidecarTrouble> Troubles { get; init; } = [];

    /// <summary>The same, its manifest included; of one that was set aside nothing is told any more.</summary>
    public IEnumerable<SidecarTrouble> AllTroubles => IsSetAside ? [] : ManifestTrouble is { } manifest ? Troubles.Prepend(manifest) : Troubles;

    /// <summary>Its own file was set aside as corrupt; one whose chain is broken bears its name still.</summary>
    public bool IsSetAside => BackupFiles.IsSetAside(File) || Verification is { SetAside: true };

    /// <summary>
    /// When one that is set aside was, UTC: when a check failed, otherwise (somebody renamed it by hand) when the file last
    /// changed; null when the store does not tell that. Of one whose chain is broken: when that happened to what breaks it;
    /// null when that is gone.
    /// </summary>
    public DateTimeOffset? SetAsideAt => this switch
    {
        { HasBrokenChain: true } => Bases.FirstOrDefault(link => link.BrokenChain is null && link.State is BackupState.Corrupt or BackupState.Quarantined)?.SetAsideAt,
        { Verification: { Passed: false } found } => found.VerifiedAt,
        _ => Artifact.ChangedAt,
    };

    /// <summary>What speaks against it, in words; meaningless of one that nothing speaks against.</summary>
    public string Objection => (HasBrokenChain ? BrokenChain : null) ?? Verification?.FirstFailure ?? "its size has changed";

    /// <summary>Stored as it was captured, and what was captured is damaged: another capture would hold the same.</summary>
    public bool ShowsCorruptSource =>
        this is { State: BackupState.Corrupt or BackupState.Quarantined, Manifest.IsCommitted: true, Verification: { Passed: false } result }
        && result.Checks.All(check => check.Passed || check is { Check: VerificationCheck.Integrity, IsOfElsewhere: false });

    /// <summary>What it keeps elsewhere than in the store is damaged: a copy of what lies in the store mends nothing, and whatever builds on the same is damaged too.</summary>
    public bool IsDamagedElsewhere => Verification is { Passed: false } result && result.Checks.Any(check => check is { Passed: false, IsOfElsewhere: true });

    /// <summary>Nothing is known that speaks against it: it is good, or nobody has read it back yet. A restore may try it.</summary>
    public bool IsUsable => State is BackupState.Good or BackupState.Unverified;

    /// <summary>What shows that it is good; null when it is not.</summary>
    public Proof? Proof => State == BackupState.Good ? Verification!.Proof ?? Catalog.Proof.Whole : null;

    /// <summary>Whether a drill opened it with the key of one of these recipients.</summary>
    public bool ProvesKeyOf(IReadOnlyList<string> recipients) =>
        this is { Drill.Passed: true, Manifest.Encryption: { } encryption } && encryption.Recipients.Intersect(recipients, StringComparer.Ordinal).Any();

    /// <summary>Whether it is good, and was expanded with all that it builds on; of a full one whose key is elsewhere, whether that was done before it was encrypted.</summary>
    public bool IsProvenWhole => Proof is Catalog.Proof.Whole || this is { Proof: Catalog.Proof.Captured, Manifest.Type: BackupType.Full };

    /// <summary>Whether it is good, and all that can be checked of it here was: so retention counts on it. Of an encrypted increment whose key is elsewhere that is less than the whole.</summary>
    public bool IsCheckedInside => Proof is Catalog.Proof.Captured or Catalog.Proof.Whole;

    /// <summary>Whether each further part is there with the length that it was stored with.</summary>
    private bool HasPartsAsStored => (Manifest.Parts.Count, Parts.Count) is (0, 0) || Manifest.Parts.Select(part => (long?)part.Stored.Length).SequenceEqual(Parts.Select(part => part?.Length));

    /// <summary>
    /// Only what was read back is good. A size that is not the committed one needs no reading to be corrupt, nor has an
    /// empty file; a result that speaks of another size is out of date.
    /// </summary>
    public BackupState State => this switch
    {
        _ when IsSetAside || BrokenChain is not null => BackupState.Quarantined,
        { Unreadable: not null } => BackupState.Unverified,
        { ActualLength: 0 } => BackupState.Corrupt,
        { Manifest: { Stored: var stored, IsCommitted: true } } when stored.Length != ActualLength || !HasPartsAsStored => BackupState.Corrupt,
        { Verification: null } => BackupState.Unverified,
        { Verification: var result } when result.StoredLength != ActualLength => BackupState.Unverified,
        { Verification.Passed: true } => BackupState.Good,
        _ => BackupState.Corrupt,
    };
}

/// <summary>
/// Names one backup: the capture instant in UTC and six hexadecimal digits, <c>20260214T020000Z-3f9a2c</c>.
/// Sorts by time as text.
/// </summary>
internal readonly record struct BackupId(string Value)
{
    /// <summary>A new identity for a backup captured at <paramref name="capturedAt"/>.</summary>
    public static BackupId New(DateTimeOffset capturedAt) =>
        Create(capturedAt, RandomNumberGenerator.GetHexString(6, lowercase: true));

    /// <summary>The identity of a file that somebody else made: always the same for the same name and time.</summary>
    public static BackupId ForAdopted(DateTimeOffset capturedAt, string file) =>
        Create(capturedAt, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(file)))[..6]);

    /// <summary>Whether it names a backup of that second.</summary>
    public bool IsOf(DateTimeOffset capturedAt) => Value.StartsWith(Second(capturedAt), StringComparison.Ordinal);

    public override string ToString() => Value;

    private static BackupId Create(DateTimeOffset capturedAt, string suffix) => new($"{Second(capturedAt)}-{suffix}");

    private static string Second(DateTimeOffset capturedAt) => capturedAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
}
