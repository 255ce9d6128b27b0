using NexusBackupAgent;
using NexusBackupAgent.Cli;

var context = new CommandContext(Terminal.OfProcess(), TimeProvider.System, Environment.CurrentDirectory);
return await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(args, CancellationToken.None);
