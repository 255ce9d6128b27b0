using System.Text;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>A configuration file in a directory of its own.</summary>
internal sealed class SampleFile : IDisposable
{
    /// <summary>The shortest file without a problem.</summary>
    public const string Minimal = """
        stores:
          local: {path: backups}
        sources:
          itsm:
            sqlite: itsm.db
            schedules:
              daily: {cron: "0 2 * * *", retention: 7d}

        """;

    public SampleFile(string text)
        : this(Encoding.UTF8.GetBytes(text))
    {
    }

    public SampleFile(byte[] content)
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("nexus-configuration-").FullName;
        Path = System.IO.Path.Combine(Directory, "nexus-backup.yml");
        File.WriteAllBytes(Path, content);
    }

    public string Directory { get; }

    public string Path { get; }

    /// <summary>The minimal file with more keys for its only source, each line indented below <c>itsm:</c>.</summary>
    public static string WithSourceKeys(string keys) => Minimal + Indent(keys, 4);

    /// <summary>The minimal file with one line of its only schedule replaced.</summary>
    public static string WithSchedules(string schedules) =>
        Minimal.Replace("      daily: {cron: \"0 2 * * *\", retention: 7d}\n", Indent(schedules, 6), StringComparison.Ordinal);

    public (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load() =>
        ConfigurationFile.Load(Path, TimeZoneInfo.Utc);

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private static string Indent(string lines, int spaces) =>
        string.Concat(lines.Split('\n').Select(line => new string(' ', spaces) + line + "\n"));
}
