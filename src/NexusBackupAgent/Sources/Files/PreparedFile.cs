using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Files;

/// <summary>
/// A restored file beside its target, and what becomes of the old file and its companions while it takes its place: the old
/// one is without its companions what its service would make of it with them before they go, and they are gone before
/// another file takes its name.
/// </summary>
internal sealed class PreparedFile(FileTarget target, IFileContent content, string file, ContentCheck check) : IPreparedRestore
{
    private readonly List<string> moved = [];
    private List<string> kept = [];
    private string safety = "";
    private bool isSaved;
    private FileOwner? owner;
    private IReadOnlyList<FileStatus?> seen = [];
    private bool wasWritten;

    public ContentCheck Check => check;

    public RestoredPlace Place => new(target.Path, owner, isSaved ? safety : null, [.. kept, .. moved], isSaved ? WayBack() : "")
    {
        Chown = target.IsLive && !isSaved ? $"sudo chown USER:GROUP {ToolProcess.Line([target.Path])}" : null,
    };

    public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => content.ProbeAsync(file, question, cancellationToken);

    /// <summary>
    /// Makes the safety copy, then makes the old file without its companions what a service that starts would make of it with
    /// them, so that they can go before another file takes its name: beside that they would corrupt it.
    /// </summary>
    public async Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
    {
        seen = target.Look();
        if (seen[0] is not null && !context.MayReplace)
            throw new BackupException(FailureKind.Restore, $"'{target.Path}' was made meanwhile", $"see whose it is (ls -l '{target.Path}'); --force replaces it and keeps it as {target.SafetyForm}");
        owner = target.Prepare(file, seen[0]);
        safety = target.SafetyName(context.Now, context.Zone);
        if (seen[0] is null)
            return; // what comes there now is in the way of the rename
        context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        var saved = await target.SaveAsync(safety, cancellationToken);
        isSaved = true;
        kept = [.. saved.Beside.Select(ending => safety + ending)];
        RequireUnchanged();
        if (saved.Settled is not { } settled)
            return;
        context.Step(new RestoreStep(RestoreStage.Settle, $"bring into {target.Path} what was left beside it"));
        var isSettled = await TryMergeCompanionsAsync(cancellationToken);
        seen = target.Look();
        if (!isSettled)
            ForgetKept(); // the originals take their place
        else if (!target.Holds(settled, cancellationToken))
            throw WrittenMeanwhile(); // what it holds more than the copy did, somebody wrote while it was brought in
    }

    /// <summary>
    /// Moves the companions to where they belong to the safety copy (what was brought in holds nothing any more, what could not
    /// be is kept), then renames the restored file over the old one.
    /// </summary>
    public void Switch(RestoreContext context)
    {
        context.Step(new RestoreStep(RestoreStage.MoveAside, $"move what is left beside {target.Path} aside"));
        RequireUnchanged();
        target.MoveCompanionsAside(safety, kept, moved);
        seen = [seen[0], .. seen.Skip(1).Select(_ => (FileStatus?)null)];
        context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored file in place of {target.Path}"));
        RequireUnchanged();
        target.Replace(file, isKept: isSaved);
    }

    /// <summary>
    /// Puts back what was moved aside. A safety copy that somebody wrote beside may be torn and is needed by nobody, but is
    /// removed only once the old file is known to be there, with all that belongs to it.
    /// </summary>
    public BackupException? RollBack()
    {
        try
        {
            target.MoveCompanionsBack(safety, moved);
            if (wasWritten)
                target.RequireStill(seen[0]);
        }
        catch (BackupException failure)
        {
            return new BackupException(failure.Kind, failure.Message + (isSaved ? $"; what it held before is kept as '{safety}'" : ""), failure.Hint, failure);
        }

        if (wasWritten && isSaved)
        {
            FileTarget.TryDelete(safety);
            isSaved = false;
            ForgetKept();
        }

        return null;
    }

    public void MakeDurable() => target.Sync();

    public ValueTask DisposeAsync()
    {
        FileTarget.TryDelete(file);
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Looks whether somebody wrote since the safety copy was begun, also who opened and closed it between two looks at
    /// who has it open: the copy could be torn, and lacks what was written.
    /// </summary>
    /// <exception cref="BackupException">Somebody did.</exception>
    private void RequireUnchanged()
    {
        if (!seen.SequenceEqual(target.Look()))
            throw WrittenMeanwhile();
    }

    /// <returns>False when what the companions hold can't be brought in: then it goes aside with the rest.</returns>
    private async Task<bool> TryMergeCompanionsAsync(CancellationToken cancellationToken)
    {
        try
        {
            await target.MergeCompanionsAsync(cancellationToken);
            return true;
        }
        catch (BackupException damage) when (damage.Kind is FailureKind.SourceCorrupt or FailureKind.SourceInvalid)
        {
            return false;
        }
    }

    private void ForgetKept()
    {
        kept.ForEach(FileTarget.TryDelete);
        kept = [];
    }

    /// <summary>What belongs to the restored one goes, and the old one comes with all that belongs to it: without its companions it may be torn.</summary>
    private string WayBack()
    {
        var companions = target.Companions.Select(companion => $"'{companion}'");
        var back = kept.Concat(moved).Prepend(safety).Select(old => $"mv '{old}' '{target.Path}{old[safety.Length..]}'");
        return $"rm -f {string.Join(' ', companions)}; {string.Join("; ", back)}";
    }

    private BackupException WrittenMeanwhile()
    {
        wasWritten = true;
        return target.Users() is { Count: > 0 } users
            ? target.InUse(users)
            : new BackupException(
                FailureKind.SourceBusy,
                $"'{target.Path}' was written meanwhile by a program that is gone again",
                "find what writes there (its service, a timer, a cron job), stop it, then run the command again");
    }
}
