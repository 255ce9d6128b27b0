namespace NexusBackupAgent.Platform;

/// <summary>Documents that were installed with the program, for who has no network at 03:00.</summary>
internal static class ShippedFile
{
    /// <summary>Of a Debian package, and of what "dotnet publish" made.</summary>
    private static readonly string[] Places = ["/usr/share/doc/nexus-backup", Path.Combine(AppContext.BaseDirectory, "share/doc/nexus-backup")];

    /// <returns>Its path; null when it was not installed.</returns>
    public static string? Find(string name) => Places.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists);
}
