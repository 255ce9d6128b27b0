using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Configuration;

/// <summary>When a restore is practised, and what the restored database is asked then.</summary>
internal static class DrillBinder
{
    private const string CronExample = "\"0 5 1 * *\"";
    private const string SqlExample = "\"SELECT count(*) FROM incidents\"";
    private const string ExpectExample = "\">= 1000\"";
    private const string ProbeExample = $"probe: {{sql: {SqlExample}, expect: {ExpectExample}}}";

    /// <param name="standard">Stands for what the file does not say.</param>
    public static DrillConfiguration Bind(Section source, DrillConfiguration standard)
    {
        if (source.FindSection("drill", $"drill: {{cron: {CronExample}, {ProbeExample}}}") is not { } section)
            return standard;
        UnknownKeys.Report(section, ConfigurationKeys.Drill);
        return new DrillConfiguration(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, CronExample) ?? standard.Cron,
            section.Find("probe") is { IsEmpty: false } field ? [.. field.OneOrMany().Select(Probe).OfType<Probe>()] : []);
    }

    private static Probe? Probe(Field field)
    {
        if (field.Section(ProbeExample) is not { } section)
            return null;
        UnknownKeys.Report(section, ConfigurationKeys.Probe);
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
