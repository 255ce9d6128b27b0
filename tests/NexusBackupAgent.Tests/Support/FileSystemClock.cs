namespace NexusBackupAgent.Tests.Support;

/// <summary>The clock by which files are dated. A test that asks how old a file is asks this one, not the computer's: under a file system of another host or a false clock they differ.</summary>
internal static class FileSystemClock
{
    private static readonly Lock Gate = new();
    private static readonly FileStream Touched = new(Path.Combine(Path.GetTempPath(), $"nexus-backup-clock-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0, FileOptions.DeleteOnClose);

    /// <summary>It may be some hundredths of a second behind.</summary>
    public static DateTimeOffset Now
    {
        get
        {
            lock (Gate)
            {
                Touched.Position = 0;
                Touched.WriteByte(0);
                return new DateTimeOffset(File.GetLastWriteTimeUtc(Touched.SafeFileHandle));
            }
        }
    }
}
