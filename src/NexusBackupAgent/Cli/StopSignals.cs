using System.Runtime.InteropServices;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Cli;

/// <summary>
/// Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends that goes away. The first asks the command to stop and clean up. A
/// second Ctrl-C or SIGTERM ends the process at once, and leaves to the next run what a crash leaves. SIGHUP never does: a
/// closed terminal sends it more than once, by the kernel and by the shell, and nobody asked for a half done restore.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly List<PosixSignalRegistration> registrations;
    private int demands;

    public StopSignals()
    {
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop)];
        if (!ToolProcess.IgnoresHangUp)
            registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        stop.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        if (signal.Signal != PosixSignal.SIGHUP && Interlocked.Increment(ref demands) > 1)
            return;
        signal.Cancel = true; // the process goes on, to its orderly end
        stop.Cancel();
    }
}
