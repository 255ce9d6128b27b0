using System.CommandLine;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Metrics;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup metrics [--textfile FILE]</c>: what <c>/metrics</c> says, for hosts where no agent answers.</summary>
internal static class MetricsCommand
{
    public static Command Create(CommandContext context)
    {
        var textfile = Textfile.Option(context, context.Say("Write them to FILE, whole or not at all, where node_exporter's textfile collector reads it; the name ends in .prom", "node_exporterのtextfileコレクターが読むFILEに一括で書き込む（部分的な書込みはしない）。ファイル名の末尾は .prom"));
        var command = new TaughtCommand(
            "metrics",
            context.Say("Compute the families of /metrics now, from stores and journal, and print them. What only a running agent knows is left out.", "/metrics のメトリクスを格納先とジャーナルから今すぐ算出して出力する。稼働中のエージェントだけが知る値は含まない。"),
            new("nexus-backup metrics", context.Say("for a look", "表示のみ")),
            new("nexus-backup metrics --textfile /var/lib/prometheus/node-exporter/nexus-backup.prom", context.Say("by a timer, for node_exporter", "タイマーから。node_exporter向け")))
        {
            textfile,
        };
        command.Acts = parsed => parsed.GetValue(textfile) is not null;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            if (session.Agent.Register is { } register)
                await register.EnterAllAsync(session.Agent.Roster.Current, context.TimeProvider, cancellationToken);
            var metrics = await Textfile.ComputeAsync(session.Agent, cancellationToken);
            if (parsed.GetValue(textfile) is { } file)
                Textfile.Write(context.Resolve(file), metrics);
            else
                context.Terminal.Output.Write(Encoding.UTF8.GetString(metrics));
            return (int)ExitCode.Done;
        });
        return command;
    }
}

/// <summary>The option <c>--textfile FILE</c>: metrics for node_exporter's textfile collector.</summary>
internal static class Textfile
{
    /// <summary>Node_exporter reads no other file of the directory, not even the one that is being written.</summary>
    private const string Extension = ".prom";

    // Node_exporter is another user, and there is no secret in it.
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public static Option<string?> Option(CommandContext context, string? description = null)
    {
        var option = new Option<string?>("--textfile")
        {
            Description = description ?? context.Say("When done, also when something failed, write the metrics to FILE for node_exporter's textfile collector; the name ends in .prom", "終了時（失敗時も）、node_exporterのtextfileコレクター用にメトリクスをFILEへ書き込む。ファイル名の末尾は .prom"),
            HelpName = "FILE",
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var file }] && !file.EndsWith(Extension, StringComparison.Ordinal))
                result.AddError($"--textfile takes a file whose name ends in {Extension}, because node_exporter reads no other, not '{file}'");
        });
        return option;
    }

    /// <summary>Does a command's work, then writes the metrics, however the work ended: that is when they matter.</summary>
    /// <param name="file">As the user gave it; null: none is asked for.</param>
    public static async Task<ExitCode> AfterAsync(CommandContext context, Agent agent, string? file, Func<Task<ExitCode>> work)
    {
        if (file is null)
            return await work();
        try
        {
            var code = await work();
            return ExitCodes.MostSevere([code, await TryAsync(context, agent, file)]);
        }
        catch
        {
            await TryAsync(context, agent, file);
            throw;
        }
    }

    /// <exception cref="BackupException">The journal can't be read.</exception>
    public static async Task<byte[]> ComputeAsync(Agent agent, CancellationToken cancellationToken) =>
        await (await new AgentMetrics(agent.Roster, agent.States, process: null).CollectAsync(cancellationToken)).ToTextAsync(cancellationToken);

    /// <summary>Whole or not at all.</summary>
    /// <param name="path">Absolute.</param>
    /// <exception cref="BackupException">It can't be written; what was there is there.</exception>
    public static void Write(string path, byte[] metrics)
    {
        try
        {
            SafeFile.WriteWhole(path, metrics, ReadableByAll);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw new BackupException(FailureKind.Io, $"the metrics can't be written to '{path}': {failure.Message}", "make its directory, and let this user write to it (docs/monitoring.md, without an agent)", failure);
        }
    }

    // A command that was told to stop has this left to do.
    private static async Task<ExitCode> TryAsync(CommandContext context, Agent agent, string file)
    {
        try
        {
            Write(context.Resolve(file), await ComputeAsync(agent, CancellationToken.None));
            return ExitCode.Done;
        }
        catch (BackupException failure)
        {
            context.Terminal.Fail(failure.Message, failure.Hint);
            return ExitCodes.Of(failure.Kind);
        }
    }
}
