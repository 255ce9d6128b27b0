namespace NexusBackupAgent.Sources;

/// <summary>A small real thing of a kind that the self-test of the checks backs up, changes and damages.</summary>
internal interface ISpecimen
{
    IBackupSource Source { get; }

    /// <summary>Changes a little of it, each time something else.</summary>
    void Change();

    /// <summary>Damages it so that it can still be captured, and only the kind's own check finds it.</summary>
    void Damage();
}
