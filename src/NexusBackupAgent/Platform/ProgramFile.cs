namespace NexusBackupAgent.Platform;

/// <summary>Finds programs as a shell does: a name on PATH only, never in the working directory.</summary>
internal static class ProgramFile
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <param name="program">A path, or a name without slashes.</param>
    /// <returns>Null when there is none that anybody may execute.</returns>
    public static string? Find(string program) =>
        program.Contains('/')
            ? IsExecutable(program) ? program : null
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Where(Path.IsPathRooted)
                .Select(directory => Path.Combine(directory, program))
                .FirstOrDefault(IsExecutable);

    private static bool IsExecutable(string path) =>
        File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Executable) != UnixFileMode.None);
}
