using System.Collections;

namespace NexusBackupAgent.Catalog;

/// <summary>A base and what that builds on in turn, without a list of its own for each of a hundred thousand backups.</summary>
/// <param name="first">The direct base, whose own bases are known.</param>
internal sealed class BackupBases(Backup first) : IReadOnlyList<Backup>
{
    private Backup First => first;

    public int Count { get; } = 1 + first.Bases.Count;

    /// <remarks>Takes as many steps as there are before it.</remarks>
    public Backup this[int index] => this.Skip(index).First();

    public IEnumerator<Backup> GetEnumerator()
    {
        for (var link = first; link is not null; link = (link.Bases as BackupBases)?.First)
            yield return link;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
