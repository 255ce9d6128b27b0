using NexusBackupAgent.Common;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Restore;

/// <summary>What becomes of the old file and its companions while a new one takes its place. Nobody has them open.</summary>
/// <param name="name">Finds a free name for the safety copy; asked when it is made.</param>
internal sealed class OldFiles(RestoreTarget target, Func<string> name, RestoreEvents events)
{
    private readonly List<string> setAside = [];
    private string safety = "";
    private IReadOnlyList<FileStatus?> seen = [];

    /// <summary>The safety copy once it is made; null when there is nothing to keep.</summary>
    public string? SafetyCopy { get; private set; }

    /// <summary>What was moved aside, as it is named now.</summary>
    public IReadOnlyList<string> SetAside => setAside;

    /// <summary>Makes the safety copy, then makes the old file complete without its companions, where they make sense together.</summary>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        safety = name();
        seen = target.Look();
        if (!target.Exists)
            return;
        events.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        var isMerged = await target.SaveAsync(safety, cancellationToken);
        SafetyCopy = safety;
        RequireUnchanged();
        if (!isMerged)
            return;
        events.Step(new RestoreStep(RestoreStage.Settle, $"bring into {target.Path} what was left beside it"));
        try
        {
            await target.SettleAsync(cancellationToken);
        }
        catch (BackupException damage) when (damage.Kind is FailureKind.SourceCorrupt or FailureKind.SourceInvalid)
        {
            // What could not be brought in goes aside with the rest.
        }

        seen = target.Look();
    }

    /// <summary>Moves the companions to where they belong to the safety copy: what was merged is empty, what could not be merged is kept.</summary>
    public void MoveAside()
    {
        events.Step(new RestoreStep(RestoreStage.MoveAside, $"move what is left beside {target.Path} aside"));
        RequireUnchanged();
        target.MoveCompanionsAside(safety, setAside);
        seen = [seen[0], .. seen.Skip(1).Select(_ => (FileStatus?)null)];
    }

    /// <summary>
    /// Looks whether somebody wrote since the safety copy was begun, also who opened and closed it between two looks at
    /// who has it open: the copy could be torn, and lacks what was written.
    /// </summary>
    /// <exception cref="BackupException">Somebody did. The safety copy, which nobody needs, is removed.</exception>
    public void RequireUnchanged()
    {
        if (seen.SequenceEqual(target.Look()))
            return;
        if (SafetyCopy is { } torn)
            RestoreTarget.TryDelete(torn);
        SafetyCopy = null;
        if (target.Users() is { Count: > 0 } users)
            throw RestorePreview.InUse(target, users);
        throw new BackupException(
            FailureKind.SourceBusy,
            $"'{target.Path}' was written meanwhile by a program that is gone again",
            "find what writes there (its service, a timer, a cron job), stop it, then run the command again");
    }

    /// <summary>Puts back what was moved aside.</summary>
    /// <returns>Why that failed; null when it did not.</returns>
    public BackupException? GiveBack()
    {
        try
        {
            target.MoveCompanionsBack(safety, SetAside);
            return null;
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }
}
