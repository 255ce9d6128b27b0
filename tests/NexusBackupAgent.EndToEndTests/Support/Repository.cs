namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    /// <summary>The nearest directory above the test binaries that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>An absolute path from one relative to the root.</summary>
    public static string File(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!System.IO.File.Exists(Path.Combine(directory, "NexusBackupAgent.sln")))
        {
            directory = Path.GetDirectoryName(directory)
                ?? throw new DirectoryNotFoundException($"no NexusBackupAgent.sln above {AppContext.BaseDirectory}");
        }

        return directory;
    }
}
