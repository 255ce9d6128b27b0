using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Runbook;

namespace NexusBackupAgent.Tests.Cli;

/// <summary><c>status --check</c>, and that everything that shows a level shows the same one.</summary>
public sealed class StatusCheckTests : IDisposable
{
    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    [Fact]
    public async Task It_is_silent_while_all_is_well()
    {
        night.GoByTheFileSystem();
        await Place.RunAsync("backup");

        var check = await Place.RunAsync("status", "--check");

        Assert.Equal((0, "", ""), (check.Code, check.Output, check.Error));
    }

    [Theory]
    [InlineData("failed", 3, "L1 itsm: the last run failed\n")]
    [InlineData("corrupt", 4, "L1 itsm: a backup was set aside as corrupt within the last day\n")]
    [InlineData("drill", 5, "L1 itsm: the last restore drill failed\n")]
    public async Task Otherwise_it_says_why_and_ends_with_the_code_of_that(string trouble, int code, string said)
    {
        night.GoByTheFileSystem();
        await Place.RunAsync("backup");
        var now = Place.Clock.GetUtcNow();
        switch (trouble)
        {
            case "failed":
                night.FailRun(FailureKind.SourceBusy, "locked", now);
                break;
            case "corrupt":
                File.Move(Place.Artifact(), Place.Artifact() + ".bad");
                await Place.RunAsync("backup");
                break;
            default:
                night.InJournal(operations => operations.Record(new Operation(0, "itsm", OperationKind.Drill, now, now, Backup: null, "", new RunFailure(FailureKind.Restore, "no", "look"))));
                break;
        }

        var check = await Place.RunAsync("status", "--check");

        Assert.Equal((code, said), (check.Code, check.Output));
        Assert.Equal(code, (await Place.RunAsync("status", "itsm", "--check", "--json")).Code);
        Assert.Equal(0, (await Place.RunAsync("status")).Code);
    }

    [Fact]
    public async Task A_source_that_does_not_exist_and_none_at_all_are_not_all_well()
    {
        Assert.Equal(6, (await Place.RunAsync("status", "itms", "--check")).Code);
        Place.Configure("tenants", "nowhere/*.db");
        Assert.Equal(6, (await Place.RunAsync("status", "--check")).Code);
    }

    [Fact]
    public async Task Status_names_the_sources_that_it_is_asked_for()
    {
        Assert.Contains("itsm", (await Place.RunAsync("status", "itsm")).Output, StringComparison.Ordinal);
        Assert.Equal(6, (await Place.RunAsync("status", "itms")).Code);
    }
}

/// <summary>Where no agent runs or ever ran, nothing is OK and nothing is next.</summary>
public sealed class NoAgentTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Theory]
    [InlineData(false, "L1", "no agent has run here yet")]
    [InlineData(true, "L2", "not running since 2026-02-14 11:00 +09:00")]
    public async Task Status_and_diagnosis_name_the_same_level_and_list_no_next_run(bool ran, string level, string said)
    {
        await place.RunAsync("backup");
        if (ran)
        {
            using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
            journal.Beat(Workplace.Now.AddHours(-1));
        }

        var status = (await place.RunAsync("status")).Output;
        var json = (await place.RunAsync("status", "--json")).Json;
        var diagnosis = (await place.RunAsync("diagnose", "--json")).Json[0];

        Assert.Contains(said, status, StringComparison.Ordinal);
        Assert.Matches($@"\nitsm +{level} .* – \(no agent\)", status);
        Assert.Equal((level, level, level), (json.GetProperty("level").GetString(), json.GetProperty("sources")[0].GetProperty("level").GetString(), diagnosis.GetProperty("level").GetString()));
        Assert.Equal("B", diagnosis.GetProperty("cause").GetString());
        Assert.Equal(3, (await place.RunAsync("status", "--check")).Code);
    }
}
