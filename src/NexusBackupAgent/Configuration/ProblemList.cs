namespace NexusBackupAgent.Configuration;

/// <summary>Collects what is wrong while the file is read, so that all of it is told at once.</summary>
internal sealed class ProblemList
{
    private readonly List<ConfigurationProblem> problems = [];

    public bool HasErrors => problems.Exists(problem => problem.IsError);

    /// <summary>In the order of the file; what has no line comes first.</summary>
    public IReadOnlyList<ConfigurationProblem> InFileOrder() => [.. problems.OrderBy(problem => problem.Line)];

    /// <summary>A section that is looked into twice tells its problems once.</summary>
    public void Add(ConfigurationProblem problem)
    {
        if (!problems.Contains(problem))
            problems.Add(problem);
    }
}
