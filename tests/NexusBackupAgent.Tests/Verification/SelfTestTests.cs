using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Sources.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>The self-test passes for the checks as they are, and fails as soon as one of them is blind.</summary>
public sealed class SelfTestTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ScratchDirectory scratch;
    private readonly BackupVerifier verifier;

    public SelfTestTests()
    {
        scratch = new ScratchDirectory(temp["scratch"]);
        verifier = new BackupVerifier(scratch, Some.Clock);
    }

    public void Dispose()
    {
        scratch.Dispose();
        temp.Dispose();
    }

    [Theory]
    [InlineData(ArtifactEncoding.Gzip)]
    [InlineData(ArtifactEncoding.Zstd)]
    public async Task Every_kind_of_damage_is_found_by_the_check_that_ought_to_and_a_sound_copy_passes(object method)
    {
        var results = await TestOf(verifier.VerifyAsync, scratch, (ArtifactEncoding)method).RunAsync(CancellationToken.None);
        Assert.Equal(21, results.Count);
        Assert.All(results, result => Assert.True(result.Passed, $"{result.Name}: {result.Detail}"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Assert.Single(Directory.GetDirectories(scratch.Path))));
    }

    [Theory]
    [InlineData(ArtifactEncoding.Gzip, VerificationCheck.Encoding)]
    [InlineData(ArtifactEncoding.None, VerificationCheck.Integrity)]
    public async Task A_kind_without_increments_is_tested_in_its_own_encoding(object encoding, object ofACutStream)
    {
        var parts = new SelfTestParts([new(directory => new TreeSpecimen(Path.Combine(directory, "tree"), Some.Clock, (ArtifactEncoding)encoding))], directory => new LocalDirectoryStore("self-test", directory));

        var results = await new SelfTest(verifier.VerifyAsync, parts, scratch, Some.Clock).RunAsync(CancellationToken.None);

        Assert.Equal(17, results.Count);
        Assert.All(results, result => Assert.True(result.Passed, $"{result.Name}: {result.Detail}"));
        Assert.Equal([(VerificationCheck)ofACutStream], results.Single(result => result.Name == "cut off before it was hashed").Expected);
        Assert.Contains("a damaged tree, stored without a flaw", results.Select(result => result.Name));
    }

    [Theory]
    [InlineData(VerificationCheck.Checksum, "a wrong hash in .sha256", "an older backup under its name", "another backup's manifest", "a bit flipped at 50 %", "empty (0 bytes)", "another backup in the place of what an increment builds on")]
    [InlineData(VerificationCheck.Encoding, "cut off before it was hashed", "cut off", "a block of zeros")]
    [InlineData(VerificationCheck.Integrity, "a damaged database, stored without a flaw")]
    public async Task A_blind_check_is_found_out(object check, params string[] expected)
    {
        var blind = (VerificationCheck)check;
        var results = await RunAsync(async (source, catalog, backup, progress, token) =>
        {
            var seen = await verifier.VerifyAsync(source, catalog, backup, progress, token);
            var checks = seen.Verification!.Checks.Select(result => result.Check == blind ? result with { Passed = true, Detail = "" } : result).ToList();
            return seen with { Verification = seen.Verification with { Checks = checks, Passed = checks.TrueForAll(result => result.Passed) } };
        });
        var wrong = results.Where(result => !result.Passed).Select(result => result.Name).ToList();
        Assert.Empty(expected.Except(wrong));
        Assert.DoesNotContain("undamaged", wrong);
    }

    [Fact]
    public async Task Checks_that_call_everything_corrupt_are_found_out_too()
    {
        var results = await RunAsync(async (source, catalog, backup, progress, token) =>
        {
            var seen = await verifier.VerifyAsync(source, catalog, backup, progress, token);
            return seen with { Verification = seen.Verification! with { Passed = false, Checks = [.. Enum.GetValues<VerificationCheck>().Select(each => new CheckResult(each, Passed: false, "x"))] } };
        });
        Assert.Equal(["undamaged", "an increment, undamaged"], results.Where(result => !result.Passed).Select(result => result.Name));
    }

    [Fact]
    public async Task Its_result_is_in_the_journal_and_what_is_wrong_with_its_next_step()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant), temp.Path, source: new ScriptedSource(Some.Clock));
        VerifyBackup verify = (_, _, backup, _, _) => Task.FromResult(backup with { Verification = new VerificationResult(backup.Id, Some.Instant, backup.ActualLength, Passed: true, []) });
        var blind = new SelfTestOperation(bench.Door, TestOf(verify, scratch), bench.Clock, NullLogger<SelfTestOperation>.Instance);
        await blind.RunAsync(CancellationToken.None);
        var failed = bench.Journal.Last("", OperationKind.SelfTest)!;
        Assert.False(failed.Succeeded);
        Assert.Contains("a block of zeros", failed.Failure!.Message, StringComparison.Ordinal);

        var seeing = new SelfTestOperation(bench.Door, TestOf(verifier.VerifyAsync, scratch), bench.Clock, NullLogger<SelfTestOperation>.Instance);
        await seeing.RunAsync(CancellationToken.None);
        Assert.True(bench.Journal.Last("", OperationKind.SelfTest)!.Succeeded);
    }

    [Fact]
    public async Task The_agent_makes_it_a_minute_after_its_start_and_daily()
    {
        var clock = new ManualClock(Some.Instant);
        using var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));
        var tests = new SelfTestOperation(bench.Door, TestOf(verifier.VerifyAsync, scratch), clock, NullLogger<SelfTestOperation>.Instance);
        using var stop = new CancellationTokenSource();
        var running = tests.RunDailyAsync(stop.Token);
        Assert.Empty(bench.Journal.Counts(OperationKind.SelfTest));
        clock.Advance(SelfTestOperation.AfterStart);
        for (var day = 1; day <= 3; day++)
        {
            await Eventually.TrueAsync(() => bench.Journal.Counts(OperationKind.SelfTest).GetValueOrDefault(("", "success")) == day && clock.IsAwaited(TimeSpan.FromDays(1)), $"self-test {day}");
            clock.Advance(TimeSpan.FromDays(1));
        }

        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromMinutes(3));
    }

    [SkippableFact]
    public async Task A_scratch_space_without_room_is_told_and_leaves_nothing()
    {
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        using var full = new ScratchDirectory(small.Path);
        var refused = await Assert.ThrowsAsync<BackupException>(() => TestOf(verifier.VerifyAsync, full).RunAsync(CancellationToken.None));
        Assert.Equal(FailureKind.StoreFull, refused.Kind);
        Assert.Empty(Directory.EnumerateFiles(small.Path, "*", SearchOption.AllDirectories));
    }

    private Task<IReadOnlyList<SelfTestResult>> RunAsync(VerifyBackup verify) => TestOf(verify, scratch).RunAsync(CancellationToken.None);

    private static SelfTest TestOf(VerifyBackup verify, ScratchDirectory room, ArtifactEncoding method = ArtifactEncoding.Gzip) => new(
        verify,
        new SelfTestParts([new(directory => new SqliteSpecimen(directory, room, Some.Clock), method)], directory => new LocalDirectoryStore("self-test", directory)),
        room,
        Some.Clock);
}
