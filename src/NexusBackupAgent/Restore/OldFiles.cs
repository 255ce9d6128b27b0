using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Restore;

/// <summary>What becomes of the old file and its companions while a new one takes its place. Nobody has them open.</summary>
/// <param name="name">Finds a free name for the safety copy; asked when it is made.</param>
internal sealed class OldFiles(RestoreTarget target, Func<string> name, RestoreEvents events)
{
    private readonly List<string> moved = [];
    private List<string> kept = [];
    private string safety = "";
    private IReadOnlyList<FileStatus?> seen = [];
    private bool wasWritten;

    /// <summary>The safety copy once it is made; null when there is nothing to keep.</summary>
    public string? SafetyCopy { get; private set; }

    /// <summary>What lies beside the safety copy and belongs to it.</summary>
    public IReadOnlyList<string> SetAside => [.. kept, .. moved];

    /// <summary>
    /// Makes the safety copy, then makes the old file without its companions what a service that starts would make of it with
    /// them, so that they can go before another file takes its name: beside that they would corrupt it.
    /// </summary>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        safety = name();
        seen = target.Look();
        if (!target.Exists)
            return;
        events.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        var saved = await target.SaveAsync(safety, cancellationToken);
        SafetyCopy = safety;
        kept = [.. saved.Beside.Select(ending => safety + ending)];
        RequireUnchanged();
        if (saved.Settled is not { } settled)
            return;
        events.Step(new RestoreStep(RestoreStage.Settle, $"bring into {target.Path} what was left beside it"));
        var isSettled = await TrySettleAsync(cancellationToken);
        seen = target.Look();
        if (!isSettled)
            ForgetKept(); // the originals take their place
        else if (!target.Holds(settled, cancellationToken))
            throw WrittenMeanwhile(); // what it holds more than the copy did, somebody wrote while it was brought in
    }

    /// <returns>False when what the companions hold can't be brought in: then it goes aside with the rest.</returns>
    private async Task<bool> TrySettleAsync(CancellationToken cancellationToken)
    {
        try
        {
            await target.SettleAsync(cancellationToken);
            return true;
        }
        catch (BackupException damage) when (damage.Kind is FailureKind.SourceCorrupt or FailureKind.SourceInvalid)
        {
            return false;
        }
    }

    /// <summary>Moves the companions to where they belong to the safety copy: what was brought in holds nothing any more, what could not be is kept.</summary>
    public void MoveAside()
    {
        events.Step(new RestoreStep(RestoreStage.MoveAside, $"move what is left beside {target.Path} aside"));
        RequireUnchanged();
        target.MoveCompanionsAside(safety, kept, moved);
        seen = [seen[0], .. seen.Skip(1).Select(_ => (FileStatus?)null)];
    }

    /// <summary>
    /// Looks whether somebody wrote since the safety copy was begun, also who opened and closed it between two looks at
    /// who has it open: the copy could be torn, and lacks what was written.
    /// </summary>
    /// <exception cref="BackupException">Somebody did.</exception>
    public void RequireUnchanged()
    {
        if (!seen.SequenceEqual(target.Look()))
            throw WrittenMeanwhile();
    }

    /// <summary>
    /// Puts back what was moved aside. A safety copy that somebody wrote beside may be torn and is needed by nobody, but is
    /// removed only once the old file is known to be there, with all that belongs to it.
    /// </summary>
    /// <returns>Why the old one is not as it was; null when it is.</returns>
    public BackupException? GiveBack()
    {
        try
        {
            target.MoveCompanionsBack(safety, moved);
            if (wasWritten)
                target.RequireStill(seen[0]);
        }
        catch (BackupException failure)
        {
            return new BackupException(failure.Kind, failure.Message + (SafetyCopy is null ? "" : $"; what it held before is kept as '{SafetyCopy}'"), failure.Hint, failure);
        }

        if (wasWritten && SafetyCopy is { } torn)
        {
            RestoreTarget.TryDelete(torn);
            ForgetKept();
        }

        return null;
    }

    private void ForgetKept()
    {
        kept.ForEach(RestoreTarget.TryDelete);
        kept = [];
    }

    private BackupException WrittenMeanwhile()
    {
        wasWritten = true;
        return target.Users() is { Count: > 0 } users
            ? RestorePreview.InUse(target, users)
            : new BackupException(
                FailureKind.SourceBusy,
                $"'{target.Path}' was written meanwhile by a program that is gone again",
                "find what writes there (its service, a timer, a cron job), stop it, then run the command again");
    }
}
