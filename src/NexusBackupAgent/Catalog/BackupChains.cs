using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// Finds out what each backup builds on, and which ones can't be restored for that. The only place that follows
/// <see cref="BackupManifest.Base"/>. Linear in the number of backups, in time and memory, however long the chains.
/// </summary>
internal sealed class BackupChains
{
    private readonly Dictionary<BackupId, Backup> byId = [];
    private readonly IReadOnlyDictionary<BackupId, string> strangers;
    private readonly Backup? unreadable;
    private readonly IReadOnlyList<Backup> damaged;

    // By reference: a file that was copied by hand is there twice under one identity.
    private readonly Dictionary<Backup, Backup> linked = new(ReferenceEqualityComparer.Instance);

    private BackupChains(IReadOnlyList<Backup> backups, IReadOnlyDictionary<BackupId, string> strangers)
    {
        this.strangers = strangers;
        unreadable = backups.FirstOrDefault(backup => backup is { Unreadable: not null, Manifest.IsCommitted: false });
        damaged = [.. backups.Where(backup => backup.ManifestTrouble is not null)];
        foreach (var backup in backups.Where(backup => backup.Manifest.IsCommitted))
        {
            if (!byId.TryGetValue(backup.Id, out var other) || other.IsSetAside)
                byId[backup.Id] = backup;
        }
    }

    /// <summary>Fills <see cref="Backup.Bases"/> and <see cref="Backup.BrokenChain"/>.</summary>
    /// <param name="backups">All of one source; the bases in the result are of the result.</param>
    /// <param name="strangers">Backups in the same directory that belong to other sources, and whose they are.</param>
    /// <returns>In the order given.</returns>
    public static IReadOnlyList<Backup> Link(IReadOnlyList<Backup> backups, IReadOnlyDictionary<BackupId, string>? strangers = null)
    {
        if (!backups.Any(NeedsBase))
            return backups;
        var chains = new BackupChains(backups, strangers ?? new Dictionary<BackupId, string>());
        return [.. backups.Select(chains.Link)];
    }

    // What is damaged or unreadable says nothing of its base.
    private static bool NeedsBase(Backup backup) => backup.Manifest is { Type: not BackupType.Full, IsCommitted: true };

    /// <summary>Goes down until a backup is known, then up again: a chain may be longer than a stack is deep.</summary>
    private Backup Link(Backup backup)
    {
        var way = new Stack<Backup>();
        var seen = new HashSet<Backup>(ReferenceEqualityComparer.Instance);
        for (var link = backup; link is not null && !linked.ContainsKey(link); link = BaseOf(link))
        {
            if (!seen.Add(link))
            {
                Break(way.TakeWhile(other => !ReferenceEquals(other, link)).Append(link));
                break;
            }

            way.Push(link);
        }

        foreach (var link in way)
            linked.TryAdd(link, On(link));
        return linked[backup];
    }

    /// <summary>Only a forged manifest makes a circle.</summary>
    private void Break(IEnumerable<Backup> circle)
    {
        foreach (var link in circle)
            linked[link] = link with { BrokenChain = $"{link.File} builds on itself" };
    }

    private Backup? BaseOf(Backup backup) =>
        NeedsBase(backup) && backup.Manifest.Base is { } id ? byId.GetValueOrDefault(id) : null;

    /// <param name="backup">Whose base is linked already.</param>
    private Backup On(Backup backup)
    {
        if (!NeedsBase(backup))
            return backup;
        if (BaseOf(backup) is not { } found)
            return Without(backup);
        var @base = linked[found];
        return backup with { Bases = new BackupBases(@base), BrokenChain = WhyBroken(backup, @base) };
    }

    private static string? WhyBroken(Backup backup, Backup @base) => @base switch
    {
        { HasBrokenChain: true, BrokenChain: { } reason } => reason,
        { State: BackupState.Corrupt or BackupState.Quarantined } => $"{BackupFiles.Original(@base.File)}, which it needs, is corrupt: {@base.Objection}",
        _ when @base.CapturedAt > backup.CapturedAt => $"{@base.File}, which it builds on by its manifest, was captured after it",
        _ when backup.Manifest.Restored is null => "its manifest does not say what a restore of it gives",
        _ => null,
    };

    private Backup Without(Backup backup) => backup.Manifest.Base switch
    {
        null => backup with { BrokenChain = "its manifest does not say what it builds on" },
        { } id when strangers.TryGetValue(id, out var owner) => backup with { BrokenChain = $"backup {id}, which it builds on, belongs to source {owner}" },
        _ when unreadable is { Unreadable: { } failure } => backup with { Unreadable = backup.Unreadable ?? failure }, // that one may be its base
        { } id when damaged.FirstOrDefault(other => id.IsOf(other.CapturedAt)) is { } other =>
            backup with { BrokenChain = $"{BackupFiles.Original(other.File)}, which it needs, has a damaged manifest" },
        { } id => backup with { BrokenChain = $"backup {id}, which {backup.File} builds on, is not there any more" },
    };
}
