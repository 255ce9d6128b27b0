using NexusBackupAgent;
using NexusBackupAgent.Cli;

using var signals = new StopSignals();
var context = new CommandContext(Terminal.OfProcess(), TimeProvider.System, Environment.CurrentDirectory);
return await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(args, signals.Token);
