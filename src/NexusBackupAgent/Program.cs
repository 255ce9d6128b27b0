using NexusBackupAgent;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Platform;

using var signals = new StopSignals();
var context = new CommandContext(Terminal.OfProcess(), TimeProvider.System, Environment.CurrentDirectory) { Yield = ProcessPriority.Yield };
return await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(args, signals.Token);
