using System.Diagnostics;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Another process works on the source: who waits is told at once for whom, and who looks sees no run that is over.</summary>
public sealed class BusySourceTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Theory]
    [InlineData("verify")]
    [InlineData("prune")]
    [InlineData("drill")]
    [InlineData("restore itsm --to look.db")]
    public async Task A_command_that_waits_says_at_once_for_which_process_and_since_when(string command)
    {
        await place.RunAsync("backup");
        using var holder = await HoldAsync();

        using var waiting = Child.Start(["command-with-errors", $"{Workplace.Now:O}", place.Path, .. command.Split(' ')]);
        var first = await waiting.StandardOutput.ReadLineAsync();
        holder.StandardInput.Close();
        var rest = await waiting.StandardOutput.ReadToEndAsync();

        Assert.Matches($@"^warning: another run of source 'itsm' is under way: process {holder.Id} \(.+\) works on it since 2026-02-14 12:00 \+09:00; waiting for its end, 10 s at most$", first);
        Assert.EndsWith("exit code 0", rest.TrimEnd(), StringComparison.Ordinal);
        await holder.WaitForExitAsync();
    }

    [Fact]
    public async Task A_backup_that_does_not_wait_names_the_process()
    {
        await place.RunAsync("backup");
        using var holder = await HoldAsync();

        var refused = await place.RunAsync("backup");
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();

        Assert.Equal(7, refused.Code);
        Assert.Contains($"is under way: process {holder.Id} (", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_nobody_does_any_more_is_not_running_since()
    {
        await place.RunAsync("backup");
        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            journal.Begin(Operation.BegunBackup("itsm", BackupManifest.ManualSchedule, BackupType.Full, Workplace.Now));

        using (var holder = await HoldAsync())
        {
            Assert.Equal("2026-02-14T03:00:00Z", await RunningSinceAsync());
            holder.Kill();
            await holder.WaitForExitAsync();
        }

        Assert.Null(await RunningSinceAsync());
    }

    private async Task<string?> RunningSinceAsync() => (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("runningSince").GetString();

    private async Task<Process> HoldAsync()
    {
        var holder = Child.Start("hold-lock", place.In("state"), "itsm");
        Assert.Equal("held", await holder.StandardOutput.ReadLineAsync());
        return holder;
    }
}
