using NexusBackupAgent.Common;

namespace NexusBackupAgent.Tests.Common;

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
        Assert.Equal(files.Select(file => Path.Combine(root, file)), PathGlob.Expand(Path.Combine(root, pattern)));
}
