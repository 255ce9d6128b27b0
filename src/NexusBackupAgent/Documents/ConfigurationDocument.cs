using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>check-config --json</c> prints.</summary>
/// <param name="Next">The command that follows; null: none does.</param>
internal sealed record ConfigurationDocument(string File, int Errors, int Warnings, IReadOnlyList<ProblemDocument> Problems, string? Next)
{
    public static ConfigurationDocument Of(string file, IReadOnlyList<ConfigurationProblem> problems, string? next) => new(
        file, problems.Count(problem => problem.IsError), problems.Count(problem => !problem.IsError), [.. problems.Select(ProblemDocument.Of)], next);
}

/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
/// <param name="Line">1-based; null when the problem has none.</param>
internal sealed record ProblemDocument(string Severity, string Key, int? Line, string? Value, string Problem, string Mend)
{
    public static ProblemDocument Of(ConfigurationProblem problem) => new(
        problem.IsError ? "error" : "warning", problem.Key, problem.Line > 0 ? problem.Line : null, problem.Value, problem.Problem, problem.Mend);
}
