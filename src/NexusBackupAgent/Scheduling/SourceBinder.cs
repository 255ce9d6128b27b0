using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads one entry of <c>sources:</c>.</summary>
/// <param name="kinds">What a source may be.</param>
/// <param name="stores">Where its backups may go.</param>
/// <param name="baseDirectory">Where relative paths begin.</param>
internal sealed class SourceBinder(SourceKinds kinds, StoreSet stores, string baseDirectory)
{
    private static readonly LevelKeys RpoKeys = new("sources.<name>.rpo", "warning", "critical", "emergency");

    private static readonly LevelKeys RetryKeys = new("sources.<name>.retry", "attempts", "delay");

    private static readonly LevelKeys CompressionKeys = new("sources.<name>.compression", "level", "method");

    private readonly LevelKeys keys = KeysOf(kinds);

    /// <summary>The level of one source and all below it.</summary>
    public static IReadOnlyList<LevelKeys> LevelsOf(SourceKinds kinds) =>
    [
        KeysOf(kinds), StoreChoice.Keys, ScheduleBinder.Keys, RpoKeys, RetryKeys, CompressionKeys, EncryptionBinder.Keys, EncryptionBinder.AgeKeys, ChoreBinder.VerifyKeys, ChoreBinder.DrillKeys, ProbeBinder.Keys,
        RestoreBinder.Keys, RestoreBinder.HealthKeys, HookBinder.Keys, HookBinder.HookKeys, .. kinds.Levels,
    ];

    /// <returns>Null when a part is missing without which there is no source; that was reported.</returns>
    public SourceConfiguration? Bind(Field field)
    {
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the source's name {mistake}", "write a name without slashes, control characters and leading dots, at most 100 characters");
        if (field.Section($"{field.Name}: {{{kinds.Example}}}") is not { } section)
            return null;

        keys.ReportOthers(section);
        var settings = kinds.Bind(field.Name, section, baseDirectory);
        var chosen = stores.Resolve(section, section.Find("store"));
        var schedules = ScheduleBinder.Bind(section);
        var source = new SourceConfiguration(
            field.Name,
            settings!,
            chosen.Count > 0 ? chosen[0].Store : null!,
            Directory(section, field),
            schedules,
            Rpo(section),
            // The longest that a timer of the runtime waits is 49 days.
            section.Duration("timeLimit", TimeSpan.FromHours(6), TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            Retry(section),
            Compression(section))
        {
            Copies = [.. chosen.Skip(1).Select(copy => new CopyConfiguration(copy.Store, Keep(copy.Keep, schedules)))],
            Verify = ChoreBinder.BindVerify(section),
            Drill = ChoreBinder.BindDrill(section),
            Encryption = new EncryptionBinder(baseDirectory).Bind(section, settings, schedules),
            Restore = RestoreBinder.Bind(section, baseDirectory),
            Hooks = HookBinder.Bind(section, baseDirectory),
        };
        return settings is null || chosen.Count == 0 ? null : source;
    }

    private static LevelKeys KeysOf(SourceKinds kinds) => new(
        "sources.<name>",
        [
            .. kinds.Keys.Except(["directory"], StringComparer.Ordinal), "store", "directory", "schedules", "rpo", .. kinds.Options,
            "timeLimit", "retry", "compression", "encryption", "verify", "drill", "restore", "hooks",
        ])
    {
        Unsupported = kinds.Unsupported,
        Supported = kinds.Supported,
    };

    private static Dictionary<string, RetentionPeriod> Keep(Field? field, IReadOnlyList<ScheduleConfiguration> schedules)
    {
        var periods = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal);
        foreach (var key in field?.Section("keep: {daily: 90d}")?.Fields ?? [])
        {
            if (!schedules.Any(schedule => schedule.Name == key.Name))
                key.Error("the source has no schedule of that name", NearestWord.Find(key.Name, [.. schedules.Select(schedule => schedule.Name)]) is { } nearest ? $"did you mean {nearest}?" : $"its schedules are {string.Join(", ", schedules.Select(schedule => schedule.Name))}");
            periods[key.Name] = key.Parse(RetentionPeriod.Parse, RetentionPeriod.Forever, "90d");
        }

        return periods;
    }

    private string? Directory(Section section, Field source)
    {
        // Alone it says what is backed up.
        if (section.Find("directory") is { } field && kinds.Keys.Any(key => key != field.Name && section.Find(key) is not null))
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
        RpoKeys.ReportOthers(section);
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
        RetryKeys.ReportOthers(section);
        return new RetryConfiguration(
            section.Number("attempts", standard.Attempts, least: 1, most: 10),
            section.Duration("delay", standard.Delay, TimeSpan.Zero, TimeSpan.FromHours(1)));
    }

    private static Compression Compression(Section source)
    {
        var standard = Artifacts.Compression.Standard(ArtifactEncoding.Gzip);
        if (source.Find("compression") is not { IsEmpty: false } field)
            return standard;
        if (field.Node is ScalarNode)
            return field.Parse(Method, standard, "gzip");
        if (field.Section("compression: {level: 6}") is not { } section)
            return standard;
        CompressionKeys.ReportOthers(section);
        var method = section.Find("method")?.Parse(Method, standard, "gzip") ?? standard;
        return method with { Level = section.Number("level", method.Level, least: 1, most: method.Method == ArtifactEncoding.Zstd ? 19 : 9) };
    }

    private static Compression Method(string method) => method switch
    {
        "gzip" => Artifacts.Compression.Standard(ArtifactEncoding.Gzip),
        "single-member" => Artifacts.Compression.Standard(ArtifactEncoding.Gzip) with { IsSingleMember = true },
        "zstd" => Artifacts.Compression.Standard(ArtifactEncoding.Zstd),
        _ => throw new WrongTextException("is no way to compress", "write gzip, zstd, or single-member for readers that stop behind the first gzip member"),
    };
}
