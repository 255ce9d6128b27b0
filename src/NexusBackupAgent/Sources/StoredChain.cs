using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources;

/// <summary>A stored backup with all that it builds on, as its kind reads it.</summary>
/// <param name="Links">The full one first, the backup itself last; never empty.</param>
/// <param name="ExpandedLength">Bytes of the largest content that a restore of it makes on its way; null: not known beforehand.</param>
internal sealed record StoredChain(IReadOnlyList<StoredLink> Links, long? ExpandedLength)
{
    /// <summary>The backup itself.</summary>
    public StoredLink Tip => Links[^1];
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
