namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>A directory of its own for one test, gone afterwards whether it passed or failed.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("nexus-backup-e2e-").FullName;

    /// <summary>The path of something in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
