using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Cli.Demo;

/// <summary>One row of the table at the end.</summary>
/// <param name="Where">From the demo's directory on.</param>
internal sealed record DemoStep(string Name, string Result, TimeSpan Took, string Where);

/// <summary>What a demonstration does, with the real agent.</summary>
internal sealed class DemoSteps(Terminal terminal, Agent agent, DemoDirectory directory)
{
    private const int Block = 1 << 20;

    private readonly List<DemoStep> done = [];

    public IReadOnlyList<DemoStep> Done => done;

    private ProtectedSource Source => agent.Roster.Current[0].Source;

    /// <exception cref="BackupException">A step failed.</exception>
    public async Task<Backup> BackUpAsync(CancellationToken cancellationToken)
    {
        var run = await RunProgressBars.ShowAsync(terminal, Source.Name, show: true, progress => agent.Backups.RunAsync(
            Source, BackupManifest.ManualSchedule, BackupType.Full, TimeSpan.FromSeconds(30), progress, cancellationToken));
        if (run.Failure is { } failure)
            throw new BackupException(failure.Kind, failure.Message, failure.Hint);
        var (backup, stages) = (run.Outcome!.Backup, run.Outcome.Stages);
        var manifest = backup.Manifest;
        Add("back up", $"{Readable.Size(manifest.Content.Length)} → {Readable.Size(manifest.Stored.Length)}, page for page", stages[RunStage.Capture], Source.Catalog.Locate(backup.File));
        Add("read back", "size, SHA-256, gzip, integrity_check", stages[RunStage.Verify], Source.Catalog.Locate(BackupFiles.Verification(backup.File)));
        return backup;
    }

    public async Task VerifyAsync(Backup backup, CancellationToken cancellationToken)
    {
        var started = agent.TimeProvider.GetTimestamp();
        var verified = await RunProgressBars.ShowAsync(terminal, Source.Name, show: true, progress =>
            agent.Verifications.VerifyAsync(Source, backup, TimeSpan.FromSeconds(30), progress, cancellationToken));
        if (verified.State != BackupState.Good)
            throw Differs($"the backup does not verify: {verified.Verification!.FirstFailure}");
        Add("verify again", "good", agent.TimeProvider.GetElapsedTime(started), Source.Catalog.Locate(backup.File + ".sha256"));
    }

    /// <summary>Restores the backup beside the database and compares the two, by bytes and by rows.</summary>
    public async Task RestoreAsync(Backup backup, CancellationToken cancellationToken)
    {
        var started = agent.TimeProvider.GetTimestamp();
        var restored = Path.Combine(directory.Path, "restored.db");
        File.Delete(restored); // of an earlier demo
        var record = await RunProgressBars.ShowAsync(terminal, Source.Name, show: true, progress => agent.Restores.RestoreAsync(
            Source, new RestoreWish(backup.Id.Value), restored, force: false, TimeSpan.FromSeconds(30), RestoreCommand.Quietly(progress), cancellationToken));
        if (record.Operation.Failure is { } failure)
            throw new BackupException(failure.Kind, failure.Message, failure.Hint);
        Add("restore into scratch", Readable.Size(new FileInfo(restored).Length), agent.TimeProvider.GetElapsedTime(started), restored);

        started = agent.TimeProvider.GetTimestamp();
        if (!await AreEqualAsync(directory.Database, restored, cancellationToken))
            throw Differs($"'{restored}' is not byte for byte '{directory.Database}'");
        Add("compare bytes", "identical", agent.TimeProvider.GetElapsedTime(started), directory.Database);

        started = agent.TimeProvider.GetTimestamp();
        var (here, there) = (SampleDatabase.CountRows(directory.Database), SampleDatabase.CountRows(restored));
        if (here.Count != there.Count || here.Any(table => there.GetValueOrDefault(table.Key, -1) != table.Value))
            throw Differs($"'{restored}' has not the rows of '{directory.Database}'");
        Add("compare rows", $"{there.Values.Sum():N0} rows in {there.Count} tables, the same", agent.TimeProvider.GetElapsedTime(started), restored);
    }

    public async Task PruneDryRunAsync(CancellationToken cancellationToken)
    {
        var started = agent.TimeProvider.GetTimestamp();
        var backups = await Source.Catalog.ListAsync(cancellationToken);
        var decisions = RetentionPolicy.Decide(backups, Source.Retention, agent.TimeProvider.GetUtcNow(), Source.Zone);
        var going = decisions.Count(decision => !decision.Keep);
        Add("prune (dry run)", $"{decisions.Count - going} kept, {going} would go", agent.TimeProvider.GetElapsedTime(started), directory.Backups);
        foreach (var decision in decisions.Take(5))
            terminal.Line($"  {(decision.Keep ? "[green]keep[/]  " : "[red]remove[/]")} {Readable.Plain(decision.Backup.File)}  [dim]{Readable.Plain(string.Join("; ", decision.Reasons))}[/]");
    }

    public void Add(string name, string result, TimeSpan took, string where)
    {
        done.Add(new DemoStep(name, result, took, Path.GetRelativePath(directory.Path, where)));
        terminal.Line($"[green]✓[/] {Readable.Plain(name)}: {Readable.Plain(result)} [dim]({Readable.Seconds(took)})[/]");
    }

    private static async Task<bool> AreEqualAsync(string left, string right, CancellationToken cancellationToken)
    {
        await using var first = new FileStream(left, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, Block);
        await using var second = new FileStream(right, FileMode.Open, FileAccess.Read, FileShare.Read, Block);
        var (a, b) = (new byte[Block], new byte[Block]);
        while (true)
        {
            var read = await first.ReadAtLeastAsync(a, a.Length, throwOnEndOfStream: false, cancellationToken);
            if (await second.ReadAtLeastAsync(b, b.Length, throwOnEndOfStream: false, cancellationToken) != read || !a.AsSpan(0, read).SequenceEqual(b.AsSpan(0, read)))
                return false;
            if (read < a.Length)
                return true;
        }
    }

    private static BackupException Differs(string message) =>
        new(FailureKind.Verification, message, "keep the directory and report what nexus-backup --version says");
}
