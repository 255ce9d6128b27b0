namespace NexusBackupAgent.Tests.Configuration;

/// <summary>Files of the repository that ship beside the program.</summary>
internal static class RepositoryFile
{
    /// <param name="path">Relative to the repository's root.</param>
    public static string Find(string path)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "NexusBackupAgent.sln")))
                return Path.Combine(directory.FullName, path);
        }

        throw new FileNotFoundException("The tests run inside the repository, and no directory above them has its solution.", path);
    }
}
