using System.Runtime.Versioning;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class ScratchDirectoryTests : IDisposable
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly TempDirectory temp = new();

    private string Space => temp["scratch"];

    private static DateTimeOffset Later => FileSystemClock.Now.AddMinutes(2);

    public void Dispose() => temp.Dispose();

    [Fact]
    public void Nothing_is_made_before_the_first_file_and_all_is_gone_at_the_end()
    {
        using (var scratch = new ScratchDirectory(Space))
        {
            scratch.RemoveLeftovers(Later);
            Assert.False(Directory.Exists(Space));
            File.WriteAllText(scratch.NewFile(), "left open by a run that was stopped");
            scratch.NewFile();
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(Space));
    }

    [Fact, SupportedOSPlatform("linux")]
    public void Only_the_owner_can_look_at_what_lies_there()
    {
        using var scratch = new ScratchDirectory(Space);
        var file = scratch.NewFile();
        Assert.Equal(Owner, File.GetUnixFileMode(file));
        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(file)!));
        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(Space));
    }

    [Fact]
    public void What_another_still_uses_is_left_alone()
    {
        using var other = new ScratchDirectory(Space);
        var file = other.NewFile();
        using var scratch = new ScratchDirectory(Space);
        scratch.RemoveLeftovers(Later);
        Assert.True(File.Exists(file));
        other.Dispose();
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task What_a_process_uses_is_left_alone_until_it_is_killed()
    {
        using var child = Child.Start("hold-scratch", Space);
        var file = (await child.StandardOutput.ReadLineAsync())!;
        using var scratch = new ScratchDirectory(Space);
        scratch.RemoveLeftovers(Later);
        Assert.True(File.Exists(file));

        child.Kill();
        await child.WaitForExitAsync();
        scratch.RemoveLeftovers(Later);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Space));
    }

    [Theory]
    [InlineData(30, true)]
    [InlineData(120, false)]
    public void What_nobody_locks_is_removed_when_it_is_older_than_a_minute(int seconds, bool stays)
    {
        File.WriteAllText(Path.Combine(temp.Sub("scratch/nexus-backup-1"), "a.scratch"), "its lock file is missing");
        temp.Sub("scratch/nexus-backup-2");
        File.WriteAllText(temp["scratch/nexus-backup-2.lock"], "");
        File.WriteAllText(temp["scratch/nexus-backup-3.lock"], ""); // died before it made its subdirectory
        using var scratch = new ScratchDirectory(Space);

        scratch.RemoveLeftovers(FileSystemClock.Now.AddSeconds(seconds));

        Assert.Equal(stays ? 4 : 0, Directory.EnumerateFileSystemEntries(Space).Count());
    }

    [Fact]
    public void What_is_not_the_agents_is_never_removed()
    {
        temp.Sub("scratch/somebody");
        File.WriteAllText(temp["scratch/somebody.lock"], "");
        using var scratch = new ScratchDirectory(Space);
        scratch.RemoveLeftovers(Later);
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(Space).Count());
    }
}
