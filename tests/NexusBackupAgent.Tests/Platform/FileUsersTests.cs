using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class FileUsersTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task Nobody_uses_a_file_that_nobody_has_open()
    {
        await File.WriteAllTextAsync(temp["a"], "x");

        Assert.Empty(FileUsers.Of([temp["a"], temp["missing"]]));
    }

    [Fact]
    public async Task A_process_is_found_through_a_hard_link_and_named_with_its_command()
    {
        await File.WriteAllTextAsync(temp["a"], "x");
        await Shell.RunAsync("ln", temp["a"], temp["b"]);
        using var user = Shell.Start("bash", "-c", "exec 3<\"$1\"; echo open; read -r", "the-service", temp["b"]);
        Assert.Equal("open", await user.StandardOutput.ReadLineAsync());

        var found = Assert.Single(FileUsers.Of([temp["a"]]));

        Assert.Equal(user.Id, found.Process);
        Assert.Contains("the-service", found.Command, StringComparison.Ordinal);
        user.StandardInput.Close();
        await user.WaitForExitAsync();
        Assert.Empty(FileUsers.Of([temp["a"]]));
    }

    [Fact]
    public async Task A_long_command_is_shortened_to_one_line()
    {
        await File.WriteAllTextAsync(temp["a"], "x");
        using var user = Shell.Start("bash", "-c", "exec 3<\"$1\"; echo open; read -r", new string('n', 200) + "\nsecond line", temp["a"]);
        await user.StandardOutput.ReadLineAsync();

        var found = Assert.Single(FileUsers.Of([temp["a"]]));

        Assert.InRange(found.Command.Length, 1, 90);
        Assert.DoesNotContain('\n', found.Command);
        user.StandardInput.Close();
        await user.WaitForExitAsync();
    }
}
