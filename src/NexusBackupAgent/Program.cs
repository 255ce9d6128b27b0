using Microsoft.Extensions.Logging;
using NexusBackupAgent;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Platform;

ProcessStart.Prepare(); // before anything opens a file
using var signals = new StopSignals();
var context = new CommandContext(Terminal.OfProcess(), TimeProvider.System, Environment.CurrentDirectory) { Yield = Yield };
return await new CommandLine(context, ServeAsync).InvokeAsync(args, signals.Token);

// What works in the background is no burden to the host.
static void Yield()
{
    ProcessPriority.Yield();
    SpareMemory.LetGoOfProgram();
}

static async Task ServeAsync(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, Action<Uri>? listening, CancellationToken cancellationToken)
{
    using var spareMemory = new SpareMemory(timeProvider);
    await AgentHost.RunAsync(configuration, timeProvider, loggers, listening, cancellationToken);
}
