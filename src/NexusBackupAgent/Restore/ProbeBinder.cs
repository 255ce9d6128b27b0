using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Restore;

/// <summary>Reads <c>probe:</c> of a drill, one question or a list of them.</summary>
internal static class ProbeBinder
{
    /// <summary>A whole probe, for the mend of a problem.</summary>
    public const string Example = $"probe: {{sql: {SqlExample}, expect: {ExpectExample}}}";

    private const string SqlExample = "\"SELECT count(*) FROM incidents\"";
    private const string ExpectExample = "\">= 1000\"";

    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.drill.probe", "sql", "expect", "maxAge");

    public static IReadOnlyList<Probe> Bind(Section drill) =>
        drill.Find("probe") is { IsEmpty: false } field ? [.. field.OneOrMany().Select(Bind).OfType<Probe>()] : [];

    private static Probe? Bind(Field field)
    {
        if (field.Section(Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        if (section.Find("sql") is null)
            section.Error("the probe asks nothing: it has no sql", $"write for example sql: {SqlExample}");
        var sql = section.Find("sql")?.Text(SqlExample);
        var expect = section.Find("expect")?.Parse(text => Expectation.Parse(text).ToString(), fallback: null!, ExpectExample);
        TimeSpan? maxAge = section.Find("maxAge") is null
            ? null
            : section.Duration("maxAge", TimeSpan.FromHours(48), TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650));
        return sql is null ? null : new Probe(sql, expect, maxAge);
    }
}
