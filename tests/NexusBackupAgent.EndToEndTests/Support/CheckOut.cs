namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The working copy that these tests were built from: scripts and deployment files are tested where they lie.</summary>
static class CheckOut
{
    /// <summary>The absolute path of the directory with the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The absolute path of a file of the working copy.</summary>
    /// <param name="relativePath">The path from the root, with forward slashes.</param>
    public static string PathOf(string relativePath) => Path.Combine(Root, relativePath);

    static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "NexusBackupAgent.sln")))
            directory = directory.Parent;

        return directory?.FullName
            ?? throw new DirectoryNotFoundException($"No NexusBackupAgent.sln above {AppContext.BaseDirectory}: run the tests from a checkout.");
    }
}
