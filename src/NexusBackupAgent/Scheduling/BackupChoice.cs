using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>What keeps a source's backups from being chosen.</summary>
/// <param name="Hint">Null: a warning, which stops nothing.</param>
internal sealed record ChoiceTrouble(string Message, string? Hint, ExitCode Code)
{
    public static ChoiceTrouble Warning(string message) => new(message, Hint: null, ExitCode.Done);
}

/// <summary>The backups that somebody means who names sources and backups.</summary>
/// <param name="sources">All of them.</param>
/// <param name="all">Every backup of a source, not only the newest.</param>
/// <param name="store">As this store has them; null: as the first store of each source has them.</param>
/// <param name="tell">Told of each source that can't be listed, has only backups that were set aside, or has none.</param>
internal sealed class BackupChoice(IReadOnlyList<ScheduledSource> sources, bool all, Action<ChoiceTrouble> tell, string? store = null)
{
    /// <summary>The sources that were meant as a whole, and could be listed.</summary>
    public List<ProtectedSource> Listed { get; } = [];

    /// <param name="names">Sources, or identities or file names of backups; none: all sources.</param>
    /// <exception cref="BackupException">Nothing has one of the names, or a source that was named is not kept in the store.</exception>
    public async Task<IReadOnlyList<(ProtectedSource Source, Backup Backup)>> ChooseAsync(string[] names, CancellationToken cancellationToken)
    {
        if (names.Length == 0)
            return await OfSourcesAsync(SourceChoice.In(sources, store), named: false, cancellationToken);

        var chosen = new List<(ProtectedSource, Backup)>();
        foreach (var name in names.Distinct(StringComparer.Ordinal))
        {
            chosen.AddRange(SourceChoice.Find(sources, name) is { } source
                ? await OfSourcesAsync([SourceChoice.In(source, store)], named: true, cancellationToken)
                : [await FindAsync(SourceChoice.In(sources, store), name, cancellationToken)]);
        }

        return chosen;
    }

    private async Task<IReadOnlyList<(ProtectedSource, Backup)>> OfSourcesAsync(
        IReadOnlyList<ScheduledSource> sources, bool named, CancellationToken cancellationToken)
    {
        var chosen = new List<(ProtectedSource, Backup)>();
        foreach (var source in sources.Select(source => source.Source))
        {
            try
            {
                var listed = await source.Catalog.ListAsync(cancellationToken);
                Listed.Add(source);
                var backups = listed.Where(backup => all ? !backup.IsSetAside : backup.State != BackupState.Quarantined).ToList(); // known to be corrupt
                if (backups.Count == 0)
                    None(source, listed, named);
                else if (!all && listed.TakeWhile(backup => backup != backups[0]).Count(backup => backup.HasBrokenChain) is > 0 and var newer)
                    tell(ChoiceTrouble.Warning($"the newest {newer} of source '{source.Name}' can't be restored because {(newer == 1 ? "its base is" : "their bases are")} missing or damaged ({source.ListCommand})"));
                chosen.AddRange((all ? backups.OrderBy(backup => backup.Bases.Count) : backups.Take(1)).Select(backup => (source, backup))); // a damaged base is found before what builds on it
            }
            catch (BackupException failure)
            {
                tell(new ChoiceTrouble($"cannot list '{source.Name}': {failure.Message}", SourceChoice.HintOf(source, failure.Kind, failure.Hint, "verify"), ExitCodes.Of(failure.Kind)));
            }
        }

        return chosen;
    }

    private void None(ProtectedSource source, IReadOnlyList<Backup> listed, bool named)
    {
        var (setAside, bereft) = (listed.Count(backup => backup.IsSetAside), listed.Count(backup => !backup.IsSetAside));
        string?[] useless =
        [
            setAside == 0 ? null : $"{setAside} that {(setAside == 1 ? "was" : "were")} set aside as corrupt",
            bereft == 0 ? null : $"{bereft} that can't be restored because {(bereft == 1 ? "its base is" : "their bases are")} missing or damaged",
        ];
        var what = listed.Count == 0 ? $"has no backups{source.InCopyStore}" : $"has no backups{source.InCopyStore} but {string.Join(", and ", useless.OfType<string>())}";
        if (!named && listed.Count == 0)
        {
            tell(ChoiceTrouble.Warning($"source '{source.Name}' {what}"));
            return;
        }

        tell(new ChoiceTrouble($"source '{source.Name}' {what}", source.MakeOne, listed.Count == 0 ? ExitCode.NotFound : ExitCode.VerificationFailed));
    }

    private static async Task<(ProtectedSource, Backup)> FindAsync(IReadOnlyList<ScheduledSource> sources, string name, CancellationToken cancellationToken)
    {
        foreach (var source in sources.Select(source => source.Source))
        {
            var backups = await source.Catalog.ListAsync(cancellationToken);
            if (backups.FirstOrDefault(backup => backup.IsNamed(name)) is { } found)
                return (source, found);
        }

        throw SourceChoice.Unknown(sources, name, "source or backup");
    }
}
