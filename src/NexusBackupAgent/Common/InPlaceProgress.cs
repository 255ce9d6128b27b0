namespace NexusBackupAgent.Common;

/// <summary>Reports in place: the order of reports is the order of the bytes. The runtime's own <see cref="Progress{T}"/> may turn it round.</summary>
internal sealed class InPlaceProgress(Action<long> report) : IProgress<long>
{
    public void Report(long value) => report(value);
}
