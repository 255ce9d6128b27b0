namespace NexusBackupAgent.Configuration;

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
