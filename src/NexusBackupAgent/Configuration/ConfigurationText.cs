using System.Text;
using NexusBackupAgent.Platform;
using YamlDotNet.Core;

namespace NexusBackupAgent.Configuration;

/// <summary>Reads the file as far as a YAML tree; what stands in the way of that is one problem, in words an operator can act on.</summary>
internal static class ConfigurationText
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>The root mapping, or null after reporting why there is none.</returns>
    public static Section? Read(string path, ProblemList problems)
    {
        if (ReadBytes(path, problems) is not { } bytes || Decode(bytes, problems) is not { } text)
            return null;
        try
        {
            return Root(DocumentParser.Parse(text), problems);
        }
        catch (YamlException wrong)
        {
            problems.Add(YamlMistake.Explain(text, wrong));
            return null;
        }
    }

    private static Section? Root(DocumentNode? root, ProblemList problems)
    {
        if (root is MappingNode mapping)
            return new Section("", mapping.Line, mapping, problems);
        Fail(problems, root?.Line ?? 0, null, root is null ? "the file is empty" : "the file is not a mapping of keys to values",
            "write at least stores: and sources:, as in examples/itsm-nexus.yml");
        return null;
    }

    private static byte[]? ReadBytes(string path, ProblemList problems)
    {
        try
        {
            if (FindOther(path) is not { } other)
                return File.ReadAllBytes(path);
            Fail(problems, 0, path, $"is {other.Name()}, not a configuration file", "name the file: --config FILE");
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            Fail(problems, 0, path, "there is no such configuration file", "name the file: --config FILE, or start from examples/itsm-nexus.yml");
        }
        catch (UnauthorizedAccessException)
        {
            Fail(problems, 0, path, "the file may not be read by this user", $"give access: chmod u+r {path}, or run as its owner");
        }
        catch (IOException unreadable)
        {
            Fail(problems, 0, path, $"the file cannot be read: {unreadable.Message}", "check the disk and the path");
        }

        return null;
    }

    /// <summary>What lies there and would hang whoever opens it. A pipe that this process was given, <c>&lt;(…)</c> of a shell, is read as a file.</summary>
    private static FileType? FindOther(string path) =>
        FileStatus.Of(path) is { IsRegular: false, Type: var type } && !(type == FileType.NamedPipe && IsOwn(path)) && path != "/dev/null" ? type : null;

    private static bool IsOwn(string path) => path == "/dev/stdin" || path.StartsWith("/dev/fd/", StringComparison.Ordinal) || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal);

    private static string? Decode(byte[] bytes, ProblemList problems)
    {
        try
        {
            return StrictUtf8.GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException wrong)
        {
            // The index counts from the first byte of the sequence and may be negative when it began in an earlier block.
            var line = bytes.AsSpan(0, Math.Clamp(wrong.Index, 0, bytes.Length)).Count((byte)'\n') + 1;
            Fail(problems, line, null, "the file is not UTF-8 text", "save it as UTF-8, for example: iconv -f SHIFT_JIS -t UTF-8");
            return null;
        }
    }

    private static void Fail(ProblemList problems, int line, string? value, string problem, string mend) =>
        problems.Add(new ConfigurationProblem("", line, value, problem, mend));
}

/// <summary>Collects what is wrong while the file is read, so that all of it is told at once.</summary>
/// <param name="levels">Every level of the file: a key that is unknown in one place may belong to another.</param>
internal sealed class ProblemList(IReadOnlyList<LevelKeys> levels)
{
    private readonly List<ConfigurationProblem> problems = [];

    public IReadOnlyList<LevelKeys> Levels => levels;

    public bool HasErrors => problems.Exists(problem => problem.IsError);

    /// <summary>In the order of the file; what has no line comes first.</summary>
    public IReadOnlyList<ConfigurationProblem> InFileOrder() => [.. problems.OrderBy(problem => problem.Line)];

    /// <summary>Told once, also by a section that is read twice.</summary>
    public void Add(ConfigurationProblem problem)
    {
        if (!problems.Contains(problem))
            problems.Add(problem);
    }
}

/// <summary>One thing wrong with the configuration file.</summary>
/// <param name="Key">The dotted path of the key, <c>sources.itsm.schedules.daily.cron</c>; empty for the file as a whole.</param>
/// <param name="Line">1-based line in the file; 0 when there is none.</param>
/// <param name="Value">The offending value as written, or null.</param>
/// <param name="Problem">What is wrong, one clause.</param>
/// <param name="Mend">What to write instead, one clause.</param>
/// <param name="IsError">False: a warning that stops nothing.</param>
internal sealed record ConfigurationProblem(string Key, int Line, string? Value, string Problem, string Mend, bool IsError = true)
{
    /// <summary>Whether <see cref="Problem"/> begins with its line: <c>line 4 is indented with a tab</c>.</summary>
    public bool TellsLine { get; init; }

    /// <summary>One line for an operator: <c>error: line 12: sources.itsm.rpo.critical "24h": problem; mend</c>.</summary>
    public override string ToString() => $"{(IsError ? "error" : "warning")}: {Text}";

    /// <summary>The same without how serious it is.</summary>
    public string Text => string.Join(": ", Parts().Where(part => part.Length > 0)) + $"; {Mend}";

    private IEnumerable<string> Parts()
    {
        yield return Line > 0 && !TellsLine ? $"line {Line}" : "";
        yield return Value is null ? Key : $"{Key} \"{Value}\"".TrimStart();
        yield return Problem;
    }
}
