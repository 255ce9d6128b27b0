namespace NexusBackupAgent.Tests.Support;

/// <summary>A real directory of its own for one test, gone afterwards.</summary>
internal sealed class TempDirectory : IDisposable
{
    public TempDirectory()
        : this(Directory.CreateTempSubdirectory("nexus-backup-test-").FullName)
    {
    }

    private TempDirectory(string path) => Path = path;

    /// <summary>On the disk that holds this program: the temporary directory may lie in memory.</summary>
    public static TempDirectory OnDisk() => new(Directory.CreateDirectory(System.IO.Path.Combine(AppContext.BaseDirectory, $"nexus-backup-test-{Guid.NewGuid():N}")).FullName);

    public string Path { get; }

    /// <summary>The path of something in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Makes a directory in it.</summary>
    public string Sub(string name) => Directory.CreateDirectory(this[name]).FullName;

    /// <summary>The names of the files directly in it, hidden ones included, in ordinal order.</summary>
    public IReadOnlyList<string> Files => FilesIn(Path);

    public static IReadOnlyList<string> FilesIn(string directory) =>
        [.. new DirectoryInfo(directory).EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
