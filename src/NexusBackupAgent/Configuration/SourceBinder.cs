namespace NexusBackupAgent.Configuration;

/// <summary>One source of the file.</summary>
internal sealed class SourceBinder(string baseDirectory, StoreSet stores)
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <returns>Null when a part is missing without which there is no source; that was reported.</returns>
    public SourceConfiguration? Bind(Field field)
    {
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the source's name {mistake}", "write a name without slashes, control characters and leading dots, at most 100 characters");
        if (field.Section($"{field.Name}: {{sqlite: data/itsm.db}}") is not { } section)
            return null;

        UnknownKeys.Report(section, ConfigurationKeys.Source);
        var database = Database(section);
        var store = stores.Resolve(section, section.Find("store"));
        var source = new SourceConfiguration(
            field.Name,
            database ?? "",
            IsGlob: database is not null && GlobText.IsGlob(database),
            store ?? "",
            Directory(section, field),
            ScheduleBinder.Bind(section),
            Rpo(section),
            section.Duration("busyTimeout", TimeSpan.FromSeconds(30), TimeSpan.Zero, Hour),
            // The longest that a timer of the runtime waits is 49 days.
            section.Duration("timeLimit", TimeSpan.FromHours(6), TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            Retry(section),
            CompressionLevel(section));
        source = source with
        {
            Verify = VerifyBinder.Bind(section, source.Verify),
            Drill = DrillBinder.Bind(section, source.Drill),
            Restore = RestoreBinder.Bind(section, baseDirectory),
            Hooks = HookBinder.Bind(section, baseDirectory),
        };
        return database is null || store is null ? null : source;
    }

    private string? Database(Section section)
    {
        const string Example = "data/itsm.db";
        if (section.Find("sqlite") is { } field)
            return field.Parse(text => GlobText.Parse(text, baseDirectory), fallback: null, Example);
        if (section.Find("postgres") is null && section.Find("s3") is null)
        {
            var tree = section.Find("directory") is null ? "" : "; directory trees as sources are not supported by this version";
            section.Error($"does not say which database to back up{tree}", $"write for example sqlite: {Example}");
        }

        return null;
    }

    private static string? Directory(Section section, Field source)
    {
        if (section.Find("directory") is { } field)
        {
            return field.Parse(PathText.ParseInsideStore, fallback: null, "itsm",
                "write a directory below the store's path, for example directory: itsm, or directory: . for the path itself");
        }

        if (NameText.IsTooLongForFileName(source.Name))
            source.Error("the source's name is longer than the 255 bytes that a directory's name may have", "give it a shorter one: directory: itsm");
        return null;
    }

    private static RpoConfiguration Rpo(Section source)
    {
        var standard = new RpoConfiguration(TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        if (source.FindSection("rpo", "rpo: {warning: 24h, critical: 48h}") is not { } section)
            return standard;
        UnknownKeys.Report(section, ConfigurationKeys.Rpo);
        var rpo = new RpoConfiguration(Age(section, "warning", standard.Warning), Age(section, "critical", standard.Critical));
        if (rpo.Critical <= rpo.Warning)
        {
            var (warning, critical) = (DurationText.Format(rpo.Warning), DurationText.Format(rpo.Critical));
            var isDefault = section.Find("critical") is null ? ", the default," : "";
            section.Error($"critical {critical}{isDefault} is not above warning {warning}", "write a critical age above the warning, for example rpo: {warning: 24h, critical: 48h}");
        }

        rpo = rpo with { Emergency = Age(section, "emergency", rpo.Emergency) };
        if (rpo.Emergency <= rpo.Critical)
        {
            section.Error(
                $"emergency {DurationText.Format(rpo.Emergency)} is not above critical {DurationText.Format(rpo.Critical)}",
                "write an emergency age above the critical, for example rpo: {warning: 24h, critical: 48h, emergency: 50h}");
        }

        return rpo;
    }

    private static TimeSpan Age(Section rpo, string name, TimeSpan fallback) =>
        rpo.Duration(name, fallback, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650));

    private static RetryConfiguration Retry(Section source)
    {
        var standard = new RetryConfiguration(Attempts: 3, Delay: TimeSpan.FromSeconds(10));
        if (source.FindSection("retry", "retry: {attempts: 3, delay: 10s}") is not { } section)
            return standard;
        UnknownKeys.Report(section, ConfigurationKeys.Retry);
        return new RetryConfiguration(
            section.Number("attempts", standard.Attempts, least: 1, most: 10),
            section.Duration("delay", standard.Delay, TimeSpan.Zero, Hour));
    }

    private static int CompressionLevel(Section source)
    {
        const int Standard = 6;
        if (source.FindSection("compression", "compression: {level: 6}") is not { } section)
            return Standard;
        UnknownKeys.Report(section, ConfigurationKeys.Compression);
        return section.Number("level", Standard, least: 1, most: 9);
    }
}
