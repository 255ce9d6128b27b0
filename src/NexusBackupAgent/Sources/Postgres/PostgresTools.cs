using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres;

/// <param name="Path">The program.</param>
/// <param name="Version">As it tells: <c>15.18</c>.</param>
internal sealed record PostgresToolFile(string Path, string Version, int Major);

/// <summary>Which versions of a tool fit a server.</summary>
internal enum ToolFit
{
    /// <summary>The server's own, or a newer one: <c>pg_dump</c>.</summary>
    SameOrNewer,

    /// <summary>The server's own: <c>pg_basebackup</c>.</summary>
    Same,

    /// <summary>The newest that there is, and no older one than what made the file: it reads what every version wrote.</summary>
    Newest,
}

/// <summary>PostgreSQL's own programs, of which several versions may be installed.</summary>
/// <param name="directory">Where they are; null: where distributions put them, then PATH.</param>
internal sealed partial class PostgresTools(string? directory, TimeProvider timeProvider)
{
    private static readonly TimeSpan ForVersion = TimeSpan.FromSeconds(10);

    /// <summary>Finds the one that fits, the server's own version before a newer one.</summary>
    /// <param name="program"><c>pg_dump</c></param>
    /// <exception cref="BackupException">None is installed.</exception>
    public async Task<PostgresToolFile> FindAsync(string program, int serverMajor, ToolFit fit, CancellationToken cancellationToken)
    {
        var found = new List<PostgresToolFile>();
        foreach (var path in Candidates(program).Distinct(StringComparer.Ordinal))
        {
            if (await VersionOfAsync(path, cancellationToken) is { } tool)
                found.Add(tool);
        }

        var able = found.Where(tool => fit == ToolFit.Same ? tool.Major == serverMajor : tool.Major >= serverMajor).OrderBy(tool => tool.Major).ToList();
        var fitting = fit == ToolFit.Newest ? able.LastOrDefault() : able.FirstOrDefault();
        return fitting ?? throw new BackupException(
            FailureKind.Configuration,
            found.Count == 0
                ? $"{program} is not installed{(serverMajor > 0 ? $", and version {serverMajor}{(fit == ToolFit.Same ? "" : " or newer")} is needed" : "")}"
                : $"PostgreSQL {serverMajor} needs {program} of version {serverMajor}{(fit == ToolFit.Same ? "" : " or newer")}, and there is {string.Join(", ", found.Select(tool => $"{tool.Version} ('{tool.Path}')"))}",
            $"install it: apt-get install {PackageOf(program)}{(serverMajor > 0 ? $"-{serverMajor}" : "")}; or name its directory with binDirectory");
    }

    private static string PackageOf(string program) => program is "initdb" or "postgres" or "pg_ctl" or "pg_waldump" ? "postgresql" : "postgresql-client";

    private IEnumerable<string> Candidates(string program)
    {
        IEnumerable<string> directories = directory is not null ? [directory] : [.. Installed("/usr/lib/postgresql", "*", "bin"), .. Installed("/usr", "pgsql-*", "bin"), .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Where(Path.IsPathRooted)];
        return directories.Select(place => ProgramFile.Find(Path.Combine(place, program))).OfType<string>().Where(path => !IsWrapper(path));
    }

    private static IEnumerable<string> Installed(string root, string versions, string below) =>
        Directory.Exists(root) ? Directory.EnumerateDirectories(root, versions).Order(StringComparer.Ordinal).Select(version => Path.Combine(version, below)) : [];

    /// <summary>Debian's script chooses a version by itself, by what runs on this machine.</summary>
    private static bool IsWrapper(string path) => Path.GetFileName(KernelPath.Resolve(path)) == "pg_wrapper";

    private async Task<PostgresToolFile?> VersionOfAsync(string path, CancellationToken cancellationToken)
    {
        var said = await ToolProcess.RunAsync([path, "--version"], ForVersion, timeProvider, cancellationToken);
        return said.ExitCode == 0 && VersionText().Match(said.Output) is { Success: true } match
            ? new PostgresToolFile(path, match.Groups["version"].Value, int.Parse(match.Groups["major"].Value, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex(@"\(PostgreSQL\) (?<version>(?<major>[0-9]+)[0-9.a-z]*)", RegexOptions.ExplicitCapture)]
    private static partial Regex VersionText();
}

/// <summary>How a tool ended.</summary>
/// <param name="Said">The end of what it wrote on its error output.</param>
internal sealed record PostgresToolEnd(string Tool, int ExitCode, string Said)
{
    /// <summary>What it said, in one line: what it calls an error, or else the last that it said.</summary>
    public string Line
    {
        get
        {
            var lines = Said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var errors = lines.Where(line => line.Contains(": error: ", StringComparison.Ordinal) || line.StartsWith("DETAIL:", StringComparison.Ordinal)).Take(2).ToList();
            return string.Join("; ", errors.Count > 0 ? errors : lines.TakeLast(2));
        }
    }

    /// <summary>How it failed, for a message.</summary>
    public string Failure => ExitCode == 0 ? $"{Tool} ended with 0" : $"{Tool} ended with {ExitCode}{(Line.Length > 0 ? $": {Line}" : "")}";
}

/// <summary>One of them that runs.</summary>
internal sealed class PostgresTool : RunningTool
{
    private readonly string name;

    private PostgresTool(PostgresToolFile tool, IReadOnlyList<string> arguments, PostgresToolAccess? access)
        : base(tool.Path, arguments, environment => Set(environment, access)) => name = Path.GetFileName(tool.Path);

    /// <param name="access">Null: it connects to nothing.</param>
    /// <exception cref="BackupException">It can't be started.</exception>
    public static PostgresTool Start(PostgresToolFile tool, IReadOnlyList<string> arguments, PostgresToolAccess? access) => new(tool, arguments, access);

    /// <summary>Waits for its end.</summary>
    public async Task<PostgresToolEnd> EndAsync(CancellationToken cancellationToken)
    {
        var (exitCode, said) = await WaitAsync(cancellationToken);
        return new PostgresToolEnd(name, exitCode, said);
    }

    private static void Set(IDictionary<string, string?> environment, PostgresToolAccess? access)
    {
        foreach (var variable in environment.Keys.Where(key => key.StartsWith("PG", StringComparison.Ordinal)).ToList())
            environment.Remove(variable); // a password, or another server
        foreach (var (key, value) in access?.Environment ?? new Dictionary<string, string?>(StringComparer.Ordinal))
        {
            if (value is not null)
                environment[key] = value;
        }
    }
}
