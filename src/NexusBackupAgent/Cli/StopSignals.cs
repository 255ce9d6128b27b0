using System.Runtime.InteropServices;

namespace NexusBackupAgent.Cli;

/// <summary>
/// Ctrl-C and SIGTERM. The first asks the command to stop and clean up; the second ends the process at once, and leaves
/// to the next run what a crash leaves.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignals() => registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop),
    ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        stop.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        if (stop.IsCancellationRequested)
            return;
        signal.Cancel = true; // the process goes on, to its orderly end
        stop.Cancel();
    }
}
