using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

/// <summary>A first command of root must not shut the agent's user out of the state directory.</summary>
public sealed class StateOwnerTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_root_makes_in_the_state_directory_belongs_to_the_directorys_owner(bool exists)
    {
        Need.Root();
        await Shell.BashAsync($"mkdir '{temp.Path}/home'; {(exists ? $"mkdir '{temp.Path}/home/state';" : "")} chown -R 1234:4321 '{temp.Path}/home'");
        var state = temp["home/state"];

        using (var journal = new OperationJournal(JournalDatabase.Open(state, Some.Instant, out _)))
        using (RunLock.TryAcquire(state, "itsm")!)
        using (var scratch = new ScratchDirectory(Path.Combine(state, "scratch")))
        {
            journal.Beat(Some.Instant);
            Assert.True(scratch.Available > 0);
            string[] made = ["", "journal.db", "journal.db-wal", "journal.db-shm", "locks", "locks/itsm.lock", "scratch"];

            var owners = await Shell.RunAsync("stat", ["-c", "%u:%g", .. made.Select(file => Path.Combine(state, file))]);

            Assert.Equal(Enumerable.Repeat("1234:4321", made.Length), owners.Split('\n'));
        }
    }

    [SkippableFact]
    public async Task Root_refuses_a_journal_that_is_a_link()
    {
        Need.Root();
        await Shell.BashAsync($"mkdir '{temp.Path}/state'; ln -s '{temp.Path}/roots' '{temp.Path}/state/journal.db'; touch '{temp.Path}/roots'; chown 1234:4321 '{temp.Path}/state'");

        Assert.Throws<BackupException>(() => JournalDatabase.Open(temp["state"], Some.Instant, out _));

        Assert.Equal("0 0", await Shell.RunAsync("stat", "-c", "%u %s", temp["roots"]));
    }

    [SkippableFact]
    public async Task The_agents_user_works_on_after_a_first_command_of_root()
    {
        Need.Root();
        await Shell.BashAsync($"mkdir '{temp.Path}/backups'; chmod 755 '{temp.Path}'; chown -R 65534:65534 '{temp.Path}'");
        await File.WriteAllTextAsync(temp["nexus-backup.yml"], "timeZone: UTC\nstores: {local: {path: backups}}\nsources: {itsm: {sqlite: itsm.db, schedules: {daily: {cron: 0 2 * * *, retention: 7d}}}}\n");
        await SqliteSamples.LedgerAsync(temp["itsm.db"], "delete");
        await Shell.BashAsync($"chown 65534 '{temp.Path}/itsm.db'");
        await Child.RunAsync("command", "now", temp.Path, "backup");

        var said = await Child.RunAsUserAsync("command", "now", temp.Path, "backup");

        Assert.EndsWith("exit code 0", said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_state_directory_of_another_user_is_E_with_its_mend()
    {
        Need.Root();
        await Shell.BashAsync($"chmod 755 '{temp.Path}'");
        using (new OperationJournal(JournalDatabase.Open(temp["state"], Some.Instant, out _)))
        {
        }

        var locked = await Child.RunAsUserAsync("take-lock", temp["state"]);

        Assert.Matches($"^Permission: .*permission denied.*Next: .E. .*sudo chown -R .* '{temp["state"]}'$", locked);
    }
}
