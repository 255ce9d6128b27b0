using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources;

/// <summary>
/// Something that is protected. Whoever captures it also checks, probes and restores it, and nothing above this folder knows how.
/// Failures are <see cref="BackupException"/>s that name the source and the next step.
/// </summary>
internal interface IBackupSource
{
    /// <summary>Metric label <c>kind</c>.</summary>
    string Kind { get; }

    /// <summary>What it is, for people: <c>database</c>.</summary>
    Bilingual Noun { get; }

    /// <summary>Where the live one is, for people; it need not exist.</summary>
    string Location { get; }

    /// <summary>Looks at the live one for people.</summary>
    ISourceInspection Inspection { get; }

    /// <summary>Versions of what captures, by name, for the manifest.</summary>
    IReadOnlyDictionary<string, string> Tools { get; }

    /// <summary>How artifacts of a type are named and encoded; null when this kind has no such type.</summary>
    ArtifactFormat? FormatOf(BackupType type);

    /// <summary>Whether it can be restored to any instant between two backups of which the later one continues the earlier one.</summary>
    bool RecoversToInstants => false;

    /// <summary>Whether a capture looks at <see cref="CaptureRequest.Previous"/>.</summary>
    bool LooksBack => RecoversToInstants;

    /// <summary>What the agent keeps running beside its schedules; null: nothing. The same object each time.</summary>
    ISourceService? Service => null;

    /// <summary>What captures of it keep elsewhere than in the store; null: nothing.</summary>
    IRemains? Remains => null;

    /// <summary>Holds a consistent state still; the caller disposes it.</summary>
    /// <exception cref="NoIncrementException">An increment of that base is not possible, and a full backup is.</exception>
    Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken);

    /// <summary>Reads a stored backup with all that it builds on and makes the kind's own check of what they give together.</summary>
    /// <param name="scratch">Room to expand in, for kinds that have to.</param>
    /// <exception cref="DamagedLinkException">One of them is not what was stored.</exception>
    Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken);

    /// <summary>
    /// Reads an increment alone, and shows that it gives what was captured together with what it builds on, whose
    /// <see cref="StoredLink.Fingerprint"/> was compared with its content when that was read. What a state means to its application nobody looks at.
    /// </summary>
    /// <param name="scratch">Room for small files.</param>
    /// <returns>Null when that can't be shown so; then <see cref="CheckAsync"/> tells.</returns>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    Task<ContentCheck?> ProveAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => Task.FromResult<ContentCheck?>(null);

    /// <summary>Looks whether the small files of the kind's own beside a backup are what they should be. One that is missing is no trouble.</summary>
    /// <param name="scratch">Room to expand in, for kinds that have to.</param>
    /// <returns>What each damaged one ends with behind the artifact's name, and what is wrong with it.</returns>
    Task<IReadOnlyList<(string Ending, string Reason)>> CheckSidecarsAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<(string, string)>>([]);

    /// <summary>What a person types to put a backup together without the agent, where its files lie; empty where there is no such way.</summary>
    /// <param name="chain">Names of the files that a restore of it reads, the full one first.</param>
    IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) => [];

    /// <summary>The place that somebody names for a restore: a path; a name, where sources have names.</summary>
    /// <param name="directory">Where it is typed; null: elsewhere, so that a path has to say all.</param>
    /// <exception cref="BackupException">It is none.</exception>
    string PlaceOf(string written, string? directory) => directory is not null ? KernelPath.Absolute(written, directory)
        : PlaceMove.IsPlace(written) ? written
        : throw new BackupException(FailureKind.Configuration, "to is not an absolute path without ..", "write for example /srv/restore");

    /// <summary>Where a restore puts it.</summary>
    /// <param name="to">A place of its own, as <see cref="PlaceOf"/> gives it. Null: over the live one.</param>
    IRestoreTarget Target(string? to);

    /// <summary>The same, of what was chosen.</summary>
    /// <exception cref="BackupException">A source of this kind does not have what was chosen.</exception>
    IRestoreTarget Target(string? to, RestoreChoices choices)
    {
        choices.Require(Noun);
        return Target(to);
    }

    /// <summary>Whether its backups hold files that can be told apart.</summary>
    bool HasFiles => false;

    /// <summary>The files of a backup, in the order of their names, where <see cref="HasFiles"/>.</summary>
    /// <param name="pattern">A file, a directory, or a pattern; null: all.</param>
    /// <exception cref="BackupException">It is no pattern.</exception>
    /// <exception cref="DamagedLinkException">What lists its files is not what was stored.</exception>
    IAsyncEnumerable<CapturedFile> FilesAsync(StoredLink link, string? pattern, CancellationToken cancellationToken) => throw new NotSupportedException("it has no files");

    /// <summary>Where a drill restores it, for as long as the drill lasts.</summary>
    /// <param name="workspace">A directory of the scratch space, for kinds that need one.</param>
    IRestoreTarget ForPractice(string workspace) => Target(workspace);
}

/// <summary>A file of a backup, or what stands beside files.</summary>
/// <param name="Path">As an operator writes it.</param>
/// <param name="Type">In a word: <c>file</c>, <c>directory</c>, <c>link</c>.</param>
/// <param name="Target">Where a link leads, or of which file it is a further name; null: no such.</param>
/// <param name="Mode">Permission bits; null where it has none.</param>
/// <param name="Owner">As <c>chown</c> takes it; null where it has none.</param>
/// <param name="Sha256">Of its content; null where it has none.</param>
internal sealed record CapturedFile(string Path, string Type, long Bytes, DateTimeOffset Modified, string? Target, int? Mode, string? Owner, string? Sha256);

/// <summary>What is to be captured.</summary>
/// <param name="Type">All of the source, or what it has that <paramref name="Base"/> had not.</param>
/// <param name="Base">The backup that an increment builds on; null for a full one.</param>
/// <param name="MayBeBase">Whether increments may build on the new one: it then gets what they need to find the changes.</param>
internal sealed record CaptureRequest(BackupType Type, StoredChain? Base, bool MayBeBase)
{
    /// <summary>The newest good backup, of whatever type; null: there is none.</summary>
    public StoredLink? Previous { get; init; }
}

/// <summary>A consistent state of a source, held until disposed.</summary>
internal interface ICapture : IAsyncDisposable
{
    /// <summary>The instant whose state this is, UTC.</summary>
    DateTimeOffset CapturedAt { get; }

    /// <summary>The first instant that a restore can lead to, UTC, where that is a later one because the source changes while it is written; known once it was. Null: <see cref="CapturedAt"/>.</summary>
    DateTimeOffset? RestorableFrom => null;

    /// <summary>Bytes of the state that will be looked at; null: not known beforehand.</summary>
    long? Length { get; }

    /// <summary>Bytes of scratch space that a check of it needs; 0 when it streams.</summary>
    long ScratchNeeded { get; }

    /// <summary>Whether the backup also holds all that happened since <see cref="CaptureRequest.Previous"/>, so that any instant in between can be restored.</summary>
    bool ContinuesPrevious => false;

    /// <summary>Writes the state; called once.</summary>
    Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken);
}

/// <summary>Takes what a capture writes: the artifact, further parts of the same backup, and small files of the kind's own beside it.</summary>
internal interface IArtifactSink
{
    /// <summary>Told how much of the state was looked at, in bytes; null when nobody watches.</summary>
    IProgress<long>? Progress { get; }

    /// <summary>Writes the artifact itself; called once.</summary>
    /// <param name="content">Writes the content in order, before it is encoded.</param>
    /// <param name="progress">Told the bytes of content so far.</param>
    Task<ArtifactDigests> WriteAsync(Func<Stream, CancellationToken, Task> content, IProgress<long>? progress, CancellationToken cancellationToken);

    /// <summary>Writes a further part of the backup, which is checked, deleted and set aside with it.</summary>
    /// <param name="name">Tells it from the artifact, behind whose name it is written: <c>globals.sql</c>.</param>
    Task<ArtifactDigests> WritePartAsync(string name, ArtifactEncoding encoding, Func<Stream, CancellationToken, Task> content, CancellationToken cancellationToken);

    /// <summary>Keeps a small file of the kind's own beside the artifact; one that is lost can be made anew.</summary>
    /// <param name="ending">Behind the artifact's name: <c>.pages</c>.</param>
    Task WriteSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>Says what a restore of an increment gives, together with all that it builds on.</summary>
    void DeclareRestored(ArtifactDigest restored);

    /// <summary>Says what the hashes of the state's pieces give together, where the kind can tell that of an increment without expanding what it builds on.</summary>
    /// <param name="sha256">In hexadecimal.</param>
    void DeclareFingerprint(string sha256);
}

/// <summary>What a kind's own check of a stored backup found.</summary>
/// <param name="Finding">What is damaged; null when nothing is.</param>
/// <param name="Restored">Of an increment: length and SHA-256 of what it gives together with all that it builds on. Null for a full one, whose content that is.</param>
/// <param name="Note">What could not be checked, and why, and what is wrong with the content and no damage: it is as its application left it. Null when there is nothing to say.</param>
internal sealed record ContentCheck(string? Finding, ArtifactDigest? Restored = null, string? Note = null)
{
    /// <summary>As <see cref="IArtifactSink.DeclareFingerprint"/> has it, of what was read now; null where that declared none.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>Whether the finding is of what lies elsewhere than in the artifact: that may be damaged although the artifact is as it was.</summary>
    public bool IsOfElsewhere { get; init; }
}

/// <summary>A stored backup with all that it builds on, as its kind reads it.</summary>
/// <param name="Links">The full one first, the backup itself last; never empty.</param>
/// <param name="ExpandedLength">Bytes of the largest content that a restore of it makes on its way; null: not known beforehand.</param>
internal sealed record StoredChain(IReadOnlyList<StoredLink> Links, long? ExpandedLength)
{
    /// <summary>The backup itself.</summary>
    public StoredLink Tip => Links[^1];

    /// <summary>Backups that came after it, each continuing the one before it, up to the instant that is wanted; empty: the backup's own.</summary>
    public IReadOnlyList<StoredLink> Later { get; init; } = [];
}

/// <summary>One stored backup: its content, decoded and compared with what was stored, and the small files of its kind's own.</summary>
internal abstract class StoredLink
{
    /// <summary>The artifact's name, for people.</summary>
    public abstract string Name { get; }

    /// <summary>Where the artifact lies, for people.</summary>
    public abstract string Location { get; }

    /// <summary>The name of the source that it is of.</summary>
    public abstract string Source { get; }

    public abstract BackupType Type { get; }

    /// <summary>Of the content as it was committed; null of a file that somebody made by hand and that was not read back yet.</summary>
    public abstract ArtifactDigest? Content { get; }

    /// <summary>As its capture declared it (<see cref="IArtifactSink.DeclareFingerprint"/>); null when it did not.</summary>
    public virtual string? Fingerprint => null;

    /// <summary>The names of its further parts.</summary>
    public abstract IReadOnlyList<string> Parts { get; }

    /// <summary>Reads it from beginning to end.</summary>
    /// <param name="destination">Gets the content. One that throws <see cref="InvalidDataException"/> gets no more of it; the rest is read all the same, for its digest.</param>
    /// <exception cref="DamagedLinkException">It is not what was stored, or the destination refused it.</exception>
    /// <exception cref="Common.BackupException">It can't be read, which is no damage, or is gone.</exception>
    public abstract Task CopyContentAsync(Stream destination, CancellationToken cancellationToken);

    /// <summary>The same of one of its further parts.</summary>
    public abstract Task CopyPartAsync(string name, Stream destination, CancellationToken cancellationToken);

    /// <summary>Says that its content does not fit what it builds on.</summary>
    /// <returns>To be thrown.</returns>
    public abstract DamagedLinkException Refuse(string reason);

    /// <summary>A small file of the kind's own.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public abstract Task<Stream> OpenSidecarAsync(string ending, CancellationToken cancellationToken);

    /// <summary>Keeps a small file of the kind's own, in place of the one that was there.</summary>
    public abstract Task KeepSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);
}

/// <summary>A stored backup is not what was stored. One reading is no proof.</summary>
/// <param name="link">Which.</param>
/// <param name="reason">What speaks against it.</param>
internal sealed class DamagedLinkException(StoredLink link, string reason) : Exception(reason)
{
    public StoredLink Link => link;
}

/// <summary>No increment can be made, and a full backup can.</summary>
/// <param name="reason">Why, as it follows "because".</param>
/// <param name="damaged">What it would build on, when that seems damaged.</param>
internal sealed class NoIncrementException(string reason, StoredLink? damaged = null) : Exception(reason)
{
    public StoredLink? Damaged => damaged;
}
