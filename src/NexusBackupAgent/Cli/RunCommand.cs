using System.CommandLine;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary>Runs the agent as a service until cancelled.</summary>
/// <param name="configuration">What to do.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="loggers">Where log lines go.</param>
/// <param name="listening">Told the address once it answers.</param>
/// <param name="cancellationToken">Stops it.</param>
internal delegate Task ServeAgent(
    AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, Action<Uri>? listening, CancellationToken cancellationToken);

/// <summary><c>nexus-backup run</c>: the agent.</summary>
internal static class RunCommand
{
    // What a stopped run leaves to do. With it the end comes before a service manager's patience is over (30 s and more).
    private static readonly TimeSpan TimeForTheRest = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context, ServeAgent serve)
    {
        var format = new Option<string>("--log-format") { Description = context.Say("text, the default: lines for people and journald; json: one object a line", "text（既定）: 人とjournald向けの行。json: 1行に1オブジェクト"), HelpName = "FORMAT" };
        format.OneOf("text", "json");
        var command = new TaughtCommand(
            "run",
            context.Say("Run the agent: scheduled backups, /metrics and /api/v1/health, until Ctrl-C or SIGTERM.", "エージェントを実行する: スケジュールによるバックアップ、/metrics、/api/v1/health。Ctrl-CかSIGTERMまで。"),
            new("nexus-backup run --config /etc/nexus-backup/nexus-backup.yml"),
            new("nexus-backup run --log-format json"))
        {
            format,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            context.Yield();
            var configuration = context.LoadConfiguration(parsed);
            using var loggers = LoggingSetup.ForService(
                configuration.Log, parsed.GetValue(format) == "json" ? LogFormat.Json : LogFormat.Text, context.Terminal, configuration.TimeZone, parsed.GetValue(context.Verbose));
            var serving = await Patience.WatchAsync(
                async () =>
                {
                    await serve(configuration, context.TimeProvider, loggers, listening: null, cancellationToken);
                    return ExitCode.Done;
                },
                Patience.ToStop + TimeForTheRest,
                context.TimeProvider,
                cancellationToken);
            if (serving.IsCompleted)
                return (int)await serving;
            context.Terminal.Warn("the agent ends although something of it has not stopped, probably because a disk does not answer; what it was doing counts for nothing, and the next start says so");
            return (int)ExitCode.Done;
        });
        return command;
    }
}
