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
