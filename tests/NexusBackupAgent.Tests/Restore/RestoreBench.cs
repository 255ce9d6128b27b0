using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>A real database with backups of different days, the real restore, and a record of what it told.</summary>
internal sealed class RestoreBench : IDisposable
{
    public const int Rows = 5000;

    public RestoreBench(TimeProvider? clock = null, string? root = null, IBackupStore? store = null)
    {
        Clock = clock ?? Some.Clock;
        Bench = new Workbench(Clock, root, store);
    }

    public TimeProvider Clock { get; }

    public Workbench Bench { get; }

    public string Database => Bench.Database;

    public string Directory => Bench.Root;

    public RestoreSettings Settings { get; set; } = RestoreSettings.None;

    public List<RestoreStep> Steps { get; } = [];

    public List<RestoreCandidate> PassedOver { get; } = [];

    /// <summary>What happens when a step begins.</summary>
    public Func<RestoreStage, Task>? At { get; set; }

    /// <summary>What stands before the real source while it restores.</summary>
    public Func<IBackupSource, IBackupSource> Rigging { get; set; } = source => source;

    private ProtectedSource Source => Bench.Source with { Restore = Settings, Source = Rigging(Bench.Source.Source) };

    /// <summary>The names of the safety copies, in ordinal order.</summary>
    public IReadOnlyList<string> SafetyCopies => [.. TempDirectory.FilesIn(Directory).Where(file => file.Contains(".pre_restore.", StringComparison.Ordinal)).Select(file => Path.Combine(Directory, file))];

    /// <summary>A database of thousands of rows with one backup; then a row more.</summary>
    /// <returns>The bench, and everything the backup holds.</returns>
    public static async Task<(RestoreBench Bench, string BackedUp)> WithBackupAsync(string journalMode = "wal", TimeProvider? clock = null, string? root = null, IBackupStore? store = null)
    {
        var bench = new RestoreBench(clock, root, store);
        await bench.MakeAsync(journalMode);
        var backedUp = await SqliteSamples.DumpAsync(bench.Database);
        await bench.BackUpAsync();
        await bench.AddAsync("written later");
        return (bench, backedUp);
    }

    public Task MakeAsync(string journalMode) => SqliteSamples.SqlAsync(
        Database, $"PRAGMA journal_mode = {journalMode}; CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX by_note ON t (note); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Rows}) INSERT INTO t SELECT i, 'インシデント ' || i FROM n;");

    public Task AddAsync(string note) => SqliteSamples.SqlAsync(Database, $"INSERT INTO t (note) VALUES ('{note}')");

    public async Task<Backup> BackUpAsync()
    {
        var run = await Bench.RunAsync();
        Assert.Equal(RunResult.Success, run.Result);
        return run.Outcome!.Backup;
    }

    public string Stored(Backup backup) => Path.Combine(Bench.StorePath, backup.File);

    /// <summary>Flips a bit in the middle of a stored backup.</summary>
    public void Damage(Backup backup)
    {
        var bytes = File.ReadAllBytes(Stored(backup));
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(Stored(backup), bytes);
    }

    public Task<RestorePreview> PreviewAsync(RestoreWish? wish = null, string? to = null, bool force = false) =>
        Bench.Restores.PreviewAsync(Source, wish ?? new RestoreWish(), to, force, CancellationToken.None);

    public Task<RestoreRecord> RunAsync(RestoreWish? wish = null, string? to = null, bool force = true, CancellationToken cancellationToken = default) => Bench.Restores.RestoreAsync(
        Source,
        wish ?? new RestoreWish(),
        to,
        force,
        TimeSpan.Zero,
        new RestoreEvents(Tell, (_, _) => { }, _ => { }, PassedOver.Add),
        cancellationToken);

    /// <summary>Restores, and it has to succeed.</summary>
    public async Task<RestoreOutcome> RestoreAsync(RestoreWish? wish = null, string? to = null, bool force = true)
    {
        var record = await RunAsync(wish, to, force);
        Assert.Null(record.Operation.Failure);
        Assert.DoesNotContain(TempDirectory.FilesIn(Directory), file => file.EndsWith(".restoring", StringComparison.Ordinal));
        return record.Outcome!;
    }

    /// <summary>Restores, and it must not begin.</summary>
    public async Task<BackupException> RefusalAsync(RestoreWish? wish = null, string? to = null, bool force = true)
    {
        var before = await FingerprintAsync();
        var refusal = await Assert.ThrowsAsync<BackupException>(() => RunAsync(wish, to, force));
        Assert.DoesNotContain('\n', refusal.Message + refusal.Hint);
        Assert.NotEmpty(refusal.Hint);
        Assert.Equal(before, await FingerprintAsync());
        return refusal;
    }

    /// <summary>Restores, and it has to fail on the way and leave the old database.</summary>
    public async Task<RunFailure> FailureAsync(RestoreWish? wish = null, string? to = null, CancellationToken cancellationToken = default)
    {
        var before = await Shell.RunAsync("sha256sum", Database);
        var record = await RunAsync(wish, to, force: true, cancellationToken);
        Assert.Null(record.Outcome);
        Assert.NotNull(record.Operation.Failure);
        Assert.Equal(before, await Shell.RunAsync("sha256sum", Database));
        Assert.DoesNotContain('\n', record.Operation.Failure.Message);
        Assert.DoesNotContain(TempDirectory.FilesIn(Directory), file => file.EndsWith(".restoring", StringComparison.Ordinal));
        return record.Operation.Failure;
    }

    /// <summary>Every file beside the database with its content.</summary>
    public Task<string> FingerprintAsync() => Shell.BashAsync($"cd '{Directory}'; find . -maxdepth 1 -type f -name '*app.db*' -exec sha256sum {{}} + | sort -k2");

    public void Dispose() => Bench.Dispose();

    private void Tell(RestoreStep step)
    {
        Steps.Add(step);
        At?.Invoke(step.Stage).GetAwaiter().GetResult();
    }
}
