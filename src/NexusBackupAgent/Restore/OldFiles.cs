using NexusBackupAgent.Common;

namespace NexusBackupAgent.Restore;

/// <summary>What becomes of the old file and its companions while a new one takes its place. Nobody has them open.</summary>
/// <param name="safety">The name of the safety copy.</param>
internal sealed class OldFiles(RestoreTarget target, string safety, RestoreEvents events)
{
    private bool isSound;

    /// <summary>The safety copy once it is made; null when there is nothing to keep.</summary>
    public string? SafetyCopy { get; private set; }

    /// <summary>What was moved aside, as it is named now.</summary>
    public IReadOnlyList<string> SetAside { get; private set; } = [];

    /// <summary>Makes the safety copy, then makes the old file complete without its companions, where they make sense together.</summary>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        if (!target.Exists)
            return;
        events.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        isSound = await target.SaveAsync(safety, cancellationToken);
        SafetyCopy = safety;
        if (!isSound || !target.HasCompanions)
            return;
        events.Step(new RestoreStep(RestoreStage.Settle, $"bring into {target.Path} what was left beside it"));
        await target.SettleAsync(cancellationToken);
    }

    /// <summary>Moves the companions to where they belong to the safety copy: what was merged is empty, what could not be merged is kept.</summary>
    public void MoveAside()
    {
        events.Step(new RestoreStep(RestoreStage.MoveAside, $"move what is left beside {target.Path} aside"));
        SetAside = target.MoveCompanionsAside(safety);
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
