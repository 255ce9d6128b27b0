using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>The backups of one source in the order of their capture, and what each builds on.</summary>
internal sealed class BackupChains
{
    private readonly Dictionary<BackupId, Backup> byId = [];

    public BackupChains(IReadOnlyCollection<Backup> backups)
    {
        NewestFirst = [.. backups
            .OrderByDescending(backup => backup.CapturedAt)
            .ThenByDescending(backup => backup.Id.Value, StringComparer.Ordinal)];
        foreach (var backup in NewestFirst)
            byId.TryAdd(backup.Id, backup);
    }

    public IReadOnlyList<Backup> NewestFirst { get; }

    /// <summary>The backups that a restore of <paramref name="backup"/> needs besides it, as far as they are here.</summary>
    public IReadOnlyList<Backup> BasesOf(Backup backup)
    {
        var bases = new List<Backup>();
        var seen = new HashSet<BackupId> { backup.Id }; // A forged manifest could name itself.
        while (backup.Manifest.Base is { } id && seen.Add(id) && byId.TryGetValue(id, out var @base))
        {
            bases.Add(@base);
            backup = @base;
        }

        return bases;
    }

    /// <summary>Whether it and everything that it builds on is here and good.</summary>
    public bool IsRestorable(Backup backup)
    {
        IReadOnlyList<Backup> chain = [backup, .. BasesOf(backup)];
        return chain[^1].Manifest.Base is null && chain.All(link => link.State == BackupState.Good);
    }
}
