using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup copy [SOURCE…]</c>: brings the further stores up to date now.</summary>
internal static class CopyCommand
{
    /// <summary>An agent's copying that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("The sources to copy. Default: all that have further stores", "コピー対象のソース。既定: 複数の格納先を持つ全ソース"));
        var json = context.Json();
        var command = new TaughtCommand(
            "copy",
            context.Say("Copy to the further stores of a source what they lack, read each copy back, and apply their retention. The agent does so by itself after each run. First it brings back to the first store, from good copies, what is damaged there and what it lost with its disk.", "ソースの2番目以降の格納先に不足しているバックアップをコピーし、読み戻して検証し、その保持期間を適用する。エージェントは実行のたびに自動で行う。その前に、最初の格納先で破損したもの、ディスクとともに失われたものを正常なコピーから戻す。"),
            new("nexus-backup copy", context.Say("every source", "全ソース")),
            new("nexus-backup copy itsm", context.Say("one source", "1つのソース")))
        {
            names, json,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            var named = parsed.GetValue(names)!;
            var sources = SourceChoice.Choose(session.Agent.Roster.Current, named).Select(source => source.Source).Where(source => named.Length > 0 || source.Copies.Count > 0).ToList();
            if (sources.FirstOrDefault(source => source.Copies.Count == 0) is { } alone)
                throw new BackupException(FailureKind.Configuration, $"source '{alone.Name}' has one store, so there is nothing to copy", "name further ones: store: [local, offsite]");
            if (sources.Count == 0)
                throw new BackupException(FailureKind.Configuration, "no source has a second store, so there is nothing to copy", "name further ones: store: [local, offsite]");

            var (documents, codes) = (new List<CopyDocument>(), new List<ExitCode>());
            foreach (var source in sources)
            {
                cancellationToken.ThrowIfCancellationRequested();
                IReadOnlyList<CopyRecord> records =
                [
                    .. await MendAsync(context, session.Agent, source, parsed.GetValue(json), cancellationToken),
                    .. await ShowAsync(context, session.Agent, source, LockTimeout, parsed.GetValue(json), cancellationToken),
                ];
                documents.AddRange(records.Select(record => CopyDocument.Of(source.Name, record)));
                foreach (var failure in records.Select(record => record.Failure).OfType<BackupException>())
                    codes.Add(ExitCodes.Of(failure.Kind));
                Tell(context.Terminal, source, records, parsed.GetValue(json));
                foreach (var record in records.Where(record => record.Failure is not null))
                    context.Terminal.Fail($"copying of '{source.Name}' to store '{record.Store}' failed: {record.Failure!.Message}", record.Failure.Hint);
            }

            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListCopyDocument);
            return (int)ExitCodes.MostSevere(codes);
        });
        return command;
    }

    /// <summary>Copies what a run made, and whatever else is owed. A failure is warned of: the run itself is as good without.</summary>
    public static async Task AfterRunAsync(CommandContext context, Agent agent, ProtectedSource source, bool json, CancellationToken cancellationToken)
    {
        if (source.Copies.Count == 0)
            return;
        var records = await ShowAsync(context, agent, source, LockTimeout, json, cancellationToken);
        Tell(context.Terminal, source, records, json);
        foreach (var record in records.Where(record => record.Failure is not null))
            context.Terminal.Warn($"'{source.Name}' is backed up, but not copied to store '{record.Store}': {record.Failure!.Message}; {record.Failure.Hint}. Then: nexus-backup copy '{source.Name}'");
    }

    private static Task<IReadOnlyList<CopyRecord>> ShowAsync(CommandContext context, Agent agent, ProtectedSource source, TimeSpan patience, bool json, CancellationToken cancellationToken) =>
        RunProgressBars.ShowAsync(context.Terminal, source.Name, !json, progress => agent.Copies.RunAsync(source, patience, progress, cancellationToken, context.Asker));

    /// <summary>What the first store lost comes first: copying goes from there.</summary>
    private static async Task<IReadOnlyList<CopyRecord>> MendAsync(CommandContext context, Agent agent, ProtectedSource source, bool json, CancellationToken cancellationToken)
    {
        try
        {
            return await RunProgressBars.ShowAsync(context.Terminal, source.Name, !json, progress => agent.Copies.MendFirstAsync(source, LockTimeout, evenLost: true, progress, cancellationToken, context.Asker));
        }
        catch (BackupException refused)
        {
            return [new CopyRecord(source.Catalog.Store.Name, [], [], refused)];
        }
    }

    private static void Tell(Terminal terminal, ProtectedSource source, IReadOnlyList<CopyRecord> records, bool json)
    {
        foreach (var record in json ? [] : records.Where(record => record.Failure is null))
        {
            var removed = record.Removed.Count == 0 ? "" : $", {record.Removed.Count} expired removed";
            terminal.Line(record.From is { } from
                ? $"[green]✓[/] [bold]{Readable.Plain(source.Name)}[/] {record.Copied.Count} brought back to {Readable.Plain(record.Store)} from {Readable.Plain(from)}  {Readable.Size(record.Copied.Sum(backup => backup.StoredLength))}, [green]read back[/]"
                : record.Copied.Count == 0
                ? $"[green]✓[/] [bold]{Readable.Plain(source.Name)}[/] {Readable.Plain(record.Store)} has all backups{removed}"
                : $"[green]✓[/] [bold]{Readable.Plain(source.Name)}[/] {record.Copied.Count} copied to {Readable.Plain(record.Store)}  {Readable.Size(record.Copied.Sum(backup => backup.StoredLength))}, [green]read back[/]{removed}");
        }
    }
}
