using System.Diagnostics;
using System.Text.RegularExpressions;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Commands while a store never answers, by a real disk that hangs: each ends, names it, and tells of all others.</summary>
public sealed class HungStoreCommandsTests : IDisposable
{
    private readonly HungPlace place = new();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task Commands_end_although_a_store_hangs_and_tell_of_all_others()
    {
        Need.Root();
        await File.WriteAllTextAsync(place.Directory.Configuration, """
            stores: {local: {path: backups}, dead: {path: dead}}
            sources:
              itsm: {sqlite: itsm.db, store: dead, retry: {attempts: 1}, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              other: {sqlite: other.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}

            """);
        await place.RunAsync("backup");

        using (HungFileSystem.Mount(place.Directory.In("dead")))
        {
            var silent = $"store 'dead' at '{place.Directory.In("dead")}' does not answer";
            (string[] Command, int Code)[] commands =
            [
                (["list"], 3), (["verify"], 3), (["verify", "--all"], 3), (["prune", "--dry-run"], 3), (["backup", "itsm"], 3),
                (["status"], 0), (["diagnose"], 3), (["checklist"], 3), (["check-config"], 2), (["restore", "itsm", "--dry-run"], 5),
            ];
            var ended = Task.WhenAll(commands.Select(command => place.RunAsync(command.Command)));
            var sound = await Task.WhenAll(place.RunAsync("report", "other"), place.RunAsync("restore", "other", "--dry-run"), place.RunAsync("status", "--check", "itsm"));

            Assert.Equal(commands.Select(command => (command.Command[0], command.Code)), (await ended).Select((command, at) => (commands[at].Command[0], command.Code)));
            Assert.All(await ended, command => Assert.Contains(silent, command.Flat(), StringComparison.Ordinal));
            var drill = await place.RunAsync("drill", "itsm"); // beside the backup it may find the source busy
            Assert.Equal((5, true), (drill.Code, drill.Flat().Contains(silent, StringComparison.Ordinal)));
            Assert.Contains("manual_", (await ended)[0].Output, StringComparison.Ordinal);
            Assert.Equal([0, 0, 3], sound.Select(command => command.Code));
        }
    }
}

/// <summary>The same while sources never answer.</summary>
public sealed class HungSourceCommandsTests : IDisposable
{
    private readonly HungPlace place = new();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task Commands_end_although_a_source_hangs_and_tell_of_all_others()
    {
        Need.Root();
        foreach (var database in (string[])["dead/itsm.db", "dead/second.db", "dead/third.db", "dead/fourth.db", "dead/first.tenant"])
            place.Directory.MakeDatabase(database);
        await File.WriteAllTextAsync(place.Directory.Configuration, """
            stores: {local: {path: backups}}
            sources:
              itsm: {sqlite: dead/itsm.db, store: local, retry: {attempts: 1}, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              second: {sqlite: dead/second.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              third: {sqlite: dead/third.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              fourth: {sqlite: dead/fourth.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              tenants: {sqlite: dead/*.tenant, store: local, retry: {attempts: 1}, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              missing: {sqlite: missing.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              other: {sqlite: other.db, store: local, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}

            """);
        await place.RunAsync("backup");

        using (HungFileSystem.Mount(place.Directory.In("dead")))
        {
            (string[] Command, int Code, string Database)[] commands =
            [
                (["backup", "itsm"], 3, "dead/itsm.db"), (["backup", "first"], 3, "dead/first.tenant"), (["diagnose", "second"], 3, "dead/second.db"),
                (["restore", "second", "--dry-run"], 5, "dead/second.db"), (["restore", "third", "--force"], 5, "dead/third.db"),
            ];
            var ended = Task.WhenAll(commands.Select(command => place.RunAsync(command.Command)));
            var checking = place.RunAsync("check-config");
            var sound = await Task.WhenAll(place.RunAsync("list"), place.RunAsync("status"), VerifyAndBackUpAsync(), place.RunAsync("restore", "fourth", "--to", place.Directory.In("elsewhere.db")));

            Assert.Equal(commands.Select(command => (command.Command[0], command.Code)), (await ended).Select((command, at) => (commands[at].Command[0], command.Code)));
            Assert.All(await ended, command => Assert.Contains($"'{place.Directory.In("dead/*.tenant")}' of tenants does not answer", command.Error, StringComparison.Ordinal));
            Assert.All((await ended).Zip(commands), told => Assert.Matches($"'{Regex.Escape(place.Directory.In(told.Second.Database))}'[^']* does not answer, probably because its disk hangs", told.First.Flat()));
            Assert.All(sound, command => Assert.Equal(0, command.Code));
            Assert.Contains("first", sound[1].Output, StringComparison.Ordinal); // its backups tell that it exists
            var check = await checking;
            Assert.Equal(2, check.Code);
            Assert.Contains($"sources.itsm.sqlite \"{place.Directory.In("dead/itsm.db")}\": does not answer within 15 s", check.Flat(), StringComparison.Ordinal);
            Assert.Contains($"sources.tenants.sqlite \"{place.Directory.In("dead/*.tenant")}\": does not answer within 15 s", check.Flat(), StringComparison.Ordinal);
            Assert.Contains("sources.missing.sqlite", check.Output, StringComparison.Ordinal);
        }

        // One after the other: on a busy machine the one outlasts the patience that the other has with the source's lock.
        async Task<CommandResult> VerifyAndBackUpAsync() => await place.RunAsync("verify", "other") is { Code: not 0 } failed ? failed : await place.RunAsync("backup", "other");
    }
}

/// <summary>The same while the state directory never answers.</summary>
public sealed class HungStateCommandsTests : IDisposable
{
    private readonly HungPlace place = new();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task Commands_end_although_the_state_directory_hangs()
    {
        Need.Root();
        place.Directory.Configure("itsm", "itsm.db");
        await File.AppendAllTextAsync(place.Directory.Configuration, "state: dead\n");

        using (HungFileSystem.Mount(place.Directory.In("dead")))
        {
            var ended = await Task.WhenAll(place.RunAsync("status"), place.RunAsync("list"), place.RunAsync("backup"), place.RunAsync("check-config"));
            Assert.All(ended.Take(3), command => Assert.Contains($"error: the state directory '{place.Directory.In("dead")}' does not answer, probably because its disk hangs — next: ", command.Error, StringComparison.Ordinal));
            Assert.Contains($"state \"{place.Directory.In("dead")}\": does not answer within 15 s", ended[3].Flat(), StringComparison.Ordinal);
            Assert.Equal([3, 3, 3, 2], ended.Select(command => command.Code));
        }
    }

    [SkippableFact]
    public async Task A_scratch_space_that_hangs_is_told_as_that()
    {
        Need.Root();
        place.Directory.Configure("itsm", "itsm.db");
        await File.AppendAllTextAsync(place.Directory.Configuration, "scratch: dead\n");

        using (HungFileSystem.Mount(place.Directory.In("dead")))
        {
            var list = await place.RunAsync("list");

            Assert.Equal(3, list.Code);
            Assert.Contains($"error: the scratch space '{place.Directory.In("dead")}' does not answer, probably because its disk hangs — next: ", list.Error, StringComparison.Ordinal);
            Assert.Contains("a copy of the configuration with another scratch: can restore meanwhile", list.Error, StringComparison.Ordinal);
        }
    }
}

/// <summary>A restore whose disk hangs half way.</summary>
public sealed class HungRestoreCommandTests : IDisposable
{
    private readonly HungPlace place = new();

    public void Dispose() => place.Dispose();

    /// <summary>The command that stops the service has the disk hang: all that comes after it waits in the kernel.</summary>
    [SkippableFact]
    public async Task A_restore_that_hangs_is_given_up_when_its_time_is_over_and_its_service_started_again()
    {
        Need.Root();
        Directory.CreateDirectory(place.Directory.In("live"));
        place.Directory.MakeDatabase("live/itsm.db");
        await File.WriteAllTextAsync(place.Directory.Configuration, """
            stores: {local: {path: backups}}
            sources:
              itsm:
                sqlite: live/itsm.db
                store: local
                timeLimit: 30s
                restore: {before: [[sh, -c, "echo > stopped; while ! [ -e hangs ]; do sleep 0.05; done"]], after: [[sh, -c, "echo > started"]]}
                schedules: {daily: {cron: "0 2 * * *", retention: 7d}}

            """);
        await place.RunAsync("backup");
        var restoring = place.RunAsync("restore", "itsm", "--force");
        await Eventually.TrueAsync(() => File.Exists(place.Directory.In("stopped")) || restoring.IsCompleted, "the service is stopped");

        using (HungFileSystem.Mount(place.Directory.In("live")))
        {
            await File.WriteAllTextAsync(place.Directory.In("hangs"), "");
            var restore = await restoring;

            Assert.Equal(5, restore.Code);
            var error = Assert.Single(restore.Errors);
            Assert.StartsWith("error: restore of 'itsm': the restore of 'itsm' exceeded its time limit of 00:00:30 and has not stopped within 15 s, probably because a disk does not answer", error, StringComparison.Ordinal);
            Assert.Contains($"the old database is untouched; '{place.Directory.In("live/.itsm.db.*.restoring")}' may be left beside it, which the next restore removes; its service was started again — next: ", error, StringComparison.Ordinal);
            Assert.True(File.Exists(place.Directory.In("started")));
        }

        var again = await place.RunAsync("restore", "itsm", "--force");
        Assert.Equal((0, 1), (again.Code, Directory.GetFiles(place.Directory.In("live"), "*.pre_restore.*").Length));
        Assert.Empty(Directory.GetFiles(place.Directory.In("live"), ".*.restoring"));
    }
}

/// <summary>A workplace with two databases and an empty directory, <c>dead</c>, for a file system that hangs; and the built executable in it.</summary>
internal sealed class HungPlace : IDisposable
{
    // Only a failure waits so long; what hangs is given up after some 20 s, what hangs in several places after as many times that, and ten processes share a busy machine.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    public HungPlace()
    {
        System.IO.Directory.CreateDirectory(Directory.In("dead"));
        Directory.MakeDatabase("itsm.db");
        Directory.MakeDatabase("other.db");
    }

    public static string Program => Path.Combine(AppContext.BaseDirectory, "nexus-backup");

    public Workplace Directory { get; } = new();

    public void Dispose() => Directory.Dispose();

    public async Task<CommandResult> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Program, arguments) { WorkingDirectory = Directory.Path, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"{string.Join(' ', arguments)} did not end; it said: {await output}{await error}");
        }

        return new CommandResult(process.ExitCode, await output, await error);
    }
}

internal static class Words
{
    /// <summary>All that a command said, without the ends of its lines.</summary>
    public static string Flat(this CommandResult result) => string.Join(' ', (result.Output + result.Error).Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries));
}
