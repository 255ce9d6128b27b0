using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads <c>schedules:</c>.</summary>
internal static class ScheduleBinder
{
    private const string Example = "daily: {cron: \"0 2 * * *\", type: full, retention: 7d}";
    private const string FullExample = "full_backup: {cron: \"0 0 * * 0\", type: full, retention: 30d}";
    private const string CronExample = "\"0 2 * * *\"";
    private const string RetentionExample = "7d";

    /// <summary>The level of one schedule.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.schedules.<name>", "cron", "type", "retention", "verify");

    public static IReadOnlyList<ScheduleConfiguration> Bind(Section source)
    {
        var section = source.FindSection("schedules", $"schedules: {{{Example}}}");
        if (section is null or { Fields.Count: 0 } && source.Find("schedules") is null or { IsEmpty: true } or { Node: MappingNode })
            source.Warning("has no schedules: it is backed up only by hand", $"write for example schedules: {{{Example}}}");
        ScheduleConfiguration[] schedules = [.. (section?.Fields ?? []).Select(Bind).OfType<ScheduleConfiguration>()];
        if (schedules.Length > 0 && schedules.All(schedule => schedule.Type != BackupType.Full))
            source.Warning("has no schedule of type full: each restore needs a chain of files that goes on growing", $"write for example {FullExample}");
        return schedules;
    }

    private static ScheduleConfiguration? Bind(Field field)
    {
        CheckName(field);
        if (field.Section(Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        var cron = Required(section, "cron", CronExample)?.Parse(CronSchedule.Parse, fallback: null!, CronExample);
        var retention = Required(section, "retention", RetentionExample)?.Parse(RetentionPeriod.Parse, fallback: default, RetentionExample);
        var type = section.Find("type")?.Parse(ParseType, BackupType.Full, "full") ?? BackupType.Full;
        CheckVerify(section.Find("verify"), type);
        return cron is null || retention is null ? null : new ScheduleConfiguration(field.Name, cron, type, retention.Value);
    }

    private static void CheckName(Field field)
    {
        const string Mend = "write letters, digits, _ and -, for example daily";
        if (field.Name == BackupManifest.ManualSchedule)
            field.Error("is the name of backups made by hand", "give the schedule another name, for example daily");
        else if (field.Name.Length is 0 or > NameText.MaximumLength)
            field.Error($"a schedule's name has 1 to {NameText.MaximumLength} characters", Mend);
        else if (!field.Name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-'))
            field.Error("a schedule's name begins file names and has only letters, digits, _ and -", Mend);
    }

    /// <summary>It says what each full backup does: it reads all content and compares it with that of the backup before.</summary>
    private static void CheckVerify(Field? field, BackupType type)
    {
        const string Mend = "leave it out, or write it at a schedule of type full";
        if (field?.Parse(text => text == "content" ? text : throw new WrongTextException("is no way to verify a schedule's backups", "write verify: content, or leave it out; the source's verify: says when"), fallback: null!, "content") is not null && type != BackupType.Full)
            field.Error($"is what a full backup does: a {type.Word()} one reads what changed", Mend);
    }

    private static Field? Required(Section schedule, string name, string example)
    {
        var field = schedule.Find(name);
        if (field is null)
            schedule.Error($"the schedule has no {name}", $"write for example {name}: {example}");
        return field;
    }

    private static BackupType ParseType(string text) =>
        EnumWord.Of<BackupType>(text) ?? throw new FormatException("is not a type of backup (full, differential, incremental)");
}

/// <summary>Reads <c>verify:</c> and <c>drill:</c>.</summary>
internal static class ChoreBinder
{
    private const string VerifyExample = "\"30 4 * * *\"";
    private const string DrillExample = "\"0 5 1 * *\"";

    public static readonly LevelKeys VerifyKeys = new("sources.<name>.verify", "cron", "spread");

    public static readonly LevelKeys DrillKeys = new("sources.<name>.drill", "cron", "probe");

    public static VerifySchedule BindVerify(Section source)
    {
        var standard = VerifySchedule.Standard;
        if (source.FindSection("verify", $"verify: {{cron: {VerifyExample}, spread: 7d}}") is not { } section)
            return standard;
        VerifyKeys.ReportOthers(section);
        return new VerifySchedule(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, VerifyExample) ?? standard.Cron,
            section.Duration("spread", standard.Spread, TimeSpan.FromHours(1), TimeSpan.FromDays(366)));
    }

    public static DrillConfiguration BindDrill(Section source)
    {
        var standard = DrillConfiguration.Standard;
        if (source.FindSection("drill", $"drill: {{cron: {DrillExample}, {ProbeBinder.Example}}}") is not { } section)
            return standard;
        DrillKeys.ReportOthers(section);
        return new DrillConfiguration(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, DrillExample) ?? standard.Cron,
            ProbeBinder.Bind(section));
    }
}
