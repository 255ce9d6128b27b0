using System.Globalization;

namespace NexusBackupAgent.Storage;

/// <summary>
/// Private space for databases that are expanded to be checked, or copied while locked.
/// A file's name carries the process that made it, so that what a killed process left can be told from what is in use.
/// </summary>
/// <param name="path">Made when first needed.</param>
internal sealed class ScratchDirectory(string path)
{
    private const string Extension = ".scratch";

    public string Path { get; } = path;

    /// <summary>Bytes that ordinary users may still use there.</summary>
    public long Available
    {
        get
        {
            Directory.CreateDirectory(Path);
            return new DriveInfo(Path).AvailableFreeSpace;
        }
    }

    /// <summary>The path of a file that does not exist yet; the caller deletes it.</summary>
    public string NewFile()
    {
        Directory.CreateDirectory(Path);
        return System.IO.Path.Combine(Path, $"{Environment.ProcessId}-{Guid.NewGuid():N}{Extension}");
    }

    /// <summary>Deletes what dead processes left. Called before this process makes files of its own.</summary>
    public void RemoveLeftovers()
    {
        if (!Directory.Exists(Path))
            return;
        foreach (var file in Directory.EnumerateFiles(Path, "*" + Extension))
        {
            var name = System.IO.Path.GetFileName(file);
            if (int.TryParse(name.Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var process) && !IsAnother(process))
                File.Delete(file);
        }
    }

    // After a container restarts, the dead process had the number that this one has now.
    private static bool IsAnother(int process) => process != Environment.ProcessId && Directory.Exists($"/proc/{process}");
}
