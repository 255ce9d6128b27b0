using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>Somebody who is not the agent's user looks: what is refused to them says nothing of the agent.</summary>
public sealed class OtherUserTests : IDisposable
{
    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    /// <summary>Where an earlier version left the state directory open.</summary>
    [SkippableFact]
    public async Task The_diagnosis_concludes_nothing_and_asks_for_the_agents_user()
    {
        var said = await AsAnotherUserAsync("go+rX", "diagnose", "--lang", "en");

        Assert.Contains("itsm  ✗ [E] storage or permission error  –\n", said, StringComparison.Ordinal);
        Assert.Contains("  next 1: sudo -u '#1234' nexus-backup diagnose itsm\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("next 2", said, StringComparison.Ordinal);
        Assert.DoesNotContain("chown", said, StringComparison.Ordinal);
        Assert.Contains("exit code 3", said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_status_concludes_as_little()
    {
        var said = await AsAnotherUserAsync("755", "status");

        Assert.Matches(@"\nitsm +– ", said);
        Assert.Matches(@"\nlocal +– ", said);
        Assert.Contains("sees, so nothing is concluded: ", said, StringComparison.Ordinal);
        Assert.Contains(" — next: sudo -u '#1234' nexus-backup status\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("chown", said, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("diagnose")]
    [InlineData("status")]
    [InlineData("checklist")]
    [InlineData("report")]
    public async Task A_state_directory_that_is_closed_is_named_and_not_given_away(string command)
    {
        var said = await AsAnotherUserAsync("go=", command);

        Assert.Contains($"cannot use the state directory '{night.State}': permission denied — next: [E] run it as the agent's user, whose the state directory is: sudo -u '#1234' nexus-backup", said, StringComparison.Ordinal);
        Assert.Equal(2, said.Split('\n').Length); // with the exit code
        Assert.DoesNotContain(".agent", said, StringComparison.Ordinal);
        Assert.DoesNotContain("chown", said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_user_without_a_name_is_told_by_number()
    {
        Need.Root();
        await Place.RunAsync("backup");
        await Shell.BashAsync($"chown -R 1048577123:1048577123 '{Place.Path}'");

        var said = await Child.RunAsUserAsync(1048577123, ["command", $"{Workplace.Now:O}", Place.Path, "diagnose", "--lang", "en"]);

        Assert.Contains(" is writable by 1048577123 now", said, StringComparison.Ordinal);
    }

    private async Task<string> AsAnotherUserAsync(string modeOfState, params string[] words)
    {
        Need.Root();
        await Place.RunAsync("backup");
        await Shell.BashAsync($"chown -R 1234:1234 '{Place.Path}' && chmod 755 '{Place.Path}' '{Place.Store}' && chmod -R {modeOfState} '{night.State}'");
        return await Child.RunAsUserAsync(["command-with-errors", $"{Workplace.Now:O}", Place.Path, .. words]);
    }
}
