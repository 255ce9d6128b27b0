namespace NexusBackupAgent.Scheduling;

/// <summary>The sources as they are now: a glob's matches come and go while the agent runs.</summary>
/// <param name="discover">Lists them; given the current ones, so that what did not change stays the same object.</param>
internal sealed class SourceRoster(Func<IReadOnlyList<ScheduledSource>, IReadOnlyList<ScheduledSource>> discover)
{
    private volatile IReadOnlyList<ScheduledSource> current = [];

    public IReadOnlyList<ScheduledSource> Current => current;

    /// <summary>Looks again.</summary>
    public void Refresh() => current = discover(current);
}
