using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup verify --self-test</c>: proves on damaged copies that the checks find what they ought to.</summary>
internal static class SelfTestCommand
{
    public static async Task<ExitCode> RunAsync(Terminal terminal, Agent agent, bool json, CancellationToken cancellationToken)
    {
        var results = await agent.SelfTests.RunAsync(cancellationToken);
        var passed = results.All(result => result.Passed);
        if (json)
            JsonDocuments.Print(terminal.Output, new SelfTestDocument(passed, [.. results.Select(SelfTestCaseDocument.Of)]), JsonDocuments.Readably.SelfTestDocument);
        else
            terminal.Table(Table(results));
        if (SelfTestOperation.FailureOf(results) is not { } failure)
            return ExitCode.Done;

        terminal.Fail(failure.Message, failure.Hint);
        return ExitCode.VerificationFailed;
    }

    private static Table Table(IReadOnlyList<SelfTestResult> results)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var header in (string[])["", "damage", "ought to be found by", "was found by"])
            table.AddColumn(new TableColumn($"[dim]{header}[/]").NoWrap().PadLeft(0).PadRight(2));
        foreach (var result in results)
            table.AddRow(result.Passed ? "[green]✓[/]" : "[red]✗[/]", Readable.Plain(result.Name), Words(result.Expected), Words(result.Found));
        return table;
    }

    private static string Words(IReadOnlyList<VerificationCheck> checks) => checks.Count == 0 ? "none" : string.Join(", ", checks.Select(check => check.Word()));
}
