using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>The lines that matter when the cause is unknown (runbook §3.2 [F]): of the journal, the log, the unit and the kernel. They are for people: nothing is concluded from them.</summary>
/// <param name="states">Reads the journal.</param>
/// <param name="log">The log file; null when none is configured.</param>
internal sealed class LogSearch(StateReader states, string? log, TimeProvider timeProvider)
{
    private const int MostOfEach = 5;

    // A night's log of a busy agent; what is older is not this night's trouble.
    private const int TailLength = 1 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly string[] Serious = [" ERR ", " FTL ", " WRN ", "\"level\":\"error\"", "\"level\":\"fatal\"", "\"level\":\"warning\""];
    private static readonly string[] OfKernel = ["out of memory", "oom-kill", "i/o error", "ext4-fs error", "xfs (", "remounting filesystem read-only", "no space"];

    /// <summary>Those of a diagnosis in which a cause is unknown, or what ended a run; of any other there are none.</summary>
    public async Task<IReadOnlyList<string>> FindAsync(Diagnosis diagnosis, TimeZoneInfo zone, CancellationToken cancellationToken) =>
        diagnosis.Findings.Any(finding => finding.Cause is Cause.Unknown or Cause.Died) ? await FindAsync(diagnosis.Source, zone, cancellationToken) : [];

    /// <returns>Each line with where it is from; none where nothing is readable.</returns>
    public async Task<IReadOnlyList<string>> FindAsync(string source, TimeZoneInfo zone, CancellationToken cancellationToken) =>
    [
        .. states.FailedAttempts(source, MostOfEach).Select(attempt => $"journal: {ValueText.Minute(attempt.At, zone)} {attempt.Failure.Kind}: {attempt.Failure.Message}"),
        .. OfFile(log, source),
        .. await OfToolAsync("unit", ["journalctl", "-u", "nexus-backup", "--since", "48 hours ago", "--no-pager", "-q", "-o", "short-iso", "--grep", " (ERR|FTL|WRN) |\"level\":\"(error|fatal|warning)\""], line => Matters(line, source), timeProvider, cancellationToken),
        .. await OfToolAsync("kernel", ["dmesg"], line => OfKernel.Any(word => line.Contains(word, StringComparison.OrdinalIgnoreCase)), timeProvider, cancellationToken),
    ];

    private static bool Matters(string line, string source) =>
        line.Contains(source, StringComparison.Ordinal) && Serious.Any(word => line.Contains(word, StringComparison.Ordinal));

    /// <summary>The newest of the daily files, whose names have the date before the extension.</summary>
    private static IEnumerable<string> OfFile(string? file, string source)
    {
        if (file is null)
            return [];
        try
        {
            var pattern = $"{Path.GetFileNameWithoutExtension(file)}*{Path.GetExtension(file)}";
            return Directory.EnumerateFiles(Path.GetDirectoryName(file)!, pattern)
                .OrderDescending(StringComparer.Ordinal)
                .Take(2)
                .Reverse()
                .SelectMany(Tail)
                .Where(line => Matters(line, source))
                .TakeLast(MostOfEach)
                .Select(line => $"log: {line}")
                .ToList();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return [$"log: {failure.Message}"];
        }
    }

    private static string[] Tail(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Position = Math.Max(0, stream.Length - TailLength);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n');
    }

    private static async Task<IEnumerable<string>> OfToolAsync(
        string name, IReadOnlyList<string> command, Func<string, bool> matters, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        try
        {
            var result = await ToolProcess.RunAsync(command, Patience, timeProvider, cancellationToken);
            return result.ExitCode != 0 ? [] : result.Output.Split('\n').Where(matters).TakeLast(MostOfEach).Select(line => $"{name}: {line.Trim()}");
        }
        catch (BackupException)
        {
            return []; // not every host has it, nor may every user read it
        }
    }
}
