using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class PathGlobTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("nexus-glob-").FullName;

    public PathGlobTests()
    {
        string[] files = ["a/1.db", "a/2.db", "a/10.db", "a/1.db-wal", "a/1.db-shm", "a/1.db-journal", "a/.hidden.db", "b/1.db", "b/deep/1.db", "a/日本 'x'.db"];
        foreach (var file in files)
        {
            var path = Path.Combine(root, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("a/*.db", "a/1.db", "a/10.db", "a/2.db", "a/日本 'x'.db")]
    [InlineData("a/?.db", "a/1.db", "a/2.db")]
    [InlineData("a/1*", "a/1.db", "a/10.db")]
    [InlineData("*/1.db", "a/1.db", "b/1.db")]
    [InlineData("*/*/*.db", "b/deep/1.db")]
    [InlineData("a/*.DB")]
    [InlineData("missing/*.db")]
    [InlineData("missing/*/1.db")]
    public void A_pattern_names_databases_as_a_shell_would(string pattern, params string[] files) =>
        Assert.Equal(files.Select(file => Path.Combine(root, file)), PathGlob.Expand(Path.Combine(root, pattern), ["-wal", "-shm", "-journal"], out _));

    /// <summary>A root-only lost+found beside the tenants must not make all of them vanish.</summary>
    [SkippableFact]
    public async Task A_directory_that_may_not_be_listed_is_told_and_hides_only_itself()
    {
        Need.Root();
        Need.Tool("setpriv");
        await Shell.BashAsync($"chmod -R go+rX '{root}'; mkdir -m 700 '{root}/closed'; touch '{root}/closed/1.db'");

        var said = (await Child.RunAsUserAsync("glob", Path.Combine(root, "*/1.db"))).Split('\n');

        Assert.Equal([Path.Combine(root, "a/1.db"), Path.Combine(root, "b/1.db"), "unreadable " + Path.Combine(root, "closed")], said);
    }
}
