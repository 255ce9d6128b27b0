using NexusBackupAgent.Configuration;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads one entry of <c>sources:</c>.</summary>
/// <param name="kinds">What a source may be.</param>
/// <param name="stores">Where its backups may go.</param>
/// <param name="baseDirectory">Where relative paths begin.</param>
internal sealed class SourceBinder(IReadOnlyList<ISourceKind> kinds, StoreSet stores, string baseDirectory)
{
    private static readonly LevelKeys RpoKeys = new("sources.<name>.rpo", "warning", "critical");

    private static readonly LevelKeys RetryKeys = new("sources.<name>.retry", "attempts", "delay");

    private static readonly LevelKeys CompressionKeys = new("sources.<name>.compression", "level");

    /// <summary>Kinds that a later version may have.</summary>
    private static readonly string[] Planned = ["postgres", "s3"];

    private readonly LevelKeys keys = KeysOf(kinds);

    /// <summary>The level of one source and all below it.</summary>
    public static IReadOnlyList<LevelKeys> LevelsOf(IReadOnlyList<ISourceKind> kinds) =>
    [
        KeysOf(kinds), ScheduleBinder.Keys, RpoKeys, RetryKeys, CompressionKeys, ChoreBinder.VerifyKeys, ChoreBinder.DrillKeys, ProbeBinder.Keys,
        RestoreBinder.Keys, HookBinder.Keys, HookBinder.HookKeys, .. kinds.SelectMany(kind => kind.Levels),
    ];

    /// <returns>Null when a part is missing without which there is no source; that was reported.</returns>
    public SourceConfiguration? Bind(Field field)
    {
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the source's name {mistake}", "write a name without slashes, control characters and leading dots, at most 100 characters");
        if (field.Section($"{field.Name}: {{{kinds[0].Example}}}") is not { } section)
            return null;

        UnknownKeys.Report(section, keys);
        var settings = BindKind(field.Name, section);
        var store = stores.Resolve(section, section.Find("store"));
        var source = new SourceConfiguration(
            field.Name,
            settings!,
            store!,
            Directory(section, field),
            ScheduleBinder.Bind(section),
            Rpo(section),
            // The longest that a timer of the runtime waits is 49 days.
            section.Duration("timeLimit", TimeSpan.FromHours(6), TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            Retry(section),
            CompressionLevel(section))
        {
            Verify = ChoreBinder.BindVerify(section),
            Drill = ChoreBinder.BindDrill(section),
            Restore = RestoreBinder.Bind(section, baseDirectory),
            Hooks = HookBinder.Bind(section, baseDirectory),
        };
        return settings is null || store is null ? null : source;
    }

    private static LevelKeys KeysOf(IReadOnlyList<ISourceKind> kinds) => new(
        "sources.<name>",
        [
            .. kinds.Select(kind => kind.Key), "store", "directory", "schedules", "rpo", .. kinds.SelectMany(kind => kind.Options).Distinct(),
            "timeLimit", "retry", "compression", "verify", "drill", "restore", "hooks",
        ])
    {
        Unsupported = [.. Unsupported(kinds)],
        Supported = $"this version backs up {string.Join(", or ", kinds.Select(kind => kind.Offer))}",
    };

    private static IEnumerable<string> Unsupported(IReadOnlyList<ISourceKind> kinds) => Planned.Except(kinds.Select(kind => kind.Key));

    /// <summary>A source that names no kind, or several, still hears all that is wrong with their options.</summary>
    private ISourceSettings? BindKind(string name, Section source)
    {
        IReadOnlyList<ISourceKind> named = [.. kinds.Where(kind => source.Find(kind.Key) is not null)];
        if (named is [var only])
        {
            RefuseOptionsOfOthers(source, only);
            return only.Bind(name, source, baseDirectory);
        }

        if (named.Count > 1)
        {
            source.Error($"names {string.Join(" and ", named.Select(kind => kind.Key))}, and a source is of one kind", "keep one of them; make another source for the other");
        }
        else if (!Unsupported(kinds).Any(kind => source.Find(kind) is not null))
        {
            var tree = source.Find("directory") is null ? "" : "; directory trees as sources are not supported by this version";
            source.Error(
                $"does not say which {string.Join(" or ", kinds.Select(kind => kind.Noun).Distinct())} to back up{tree}",
                $"write for example {string.Join(" or ", kinds.Select(kind => kind.Example))}");
        }

        foreach (var kind in named.Count > 1 ? named : kinds)
            kind.Bind(name, source, baseDirectory);
        return null;
    }

    private void RefuseOptionsOfOthers(Section source, ISourceKind kind)
    {
        foreach (var other in kinds.Where(other => other != kind))
        {
            foreach (var field in other.Options.Except(kind.Options).Select(source.Find).OfType<Field>())
                field.Error($"has no meaning for a source with {kind.Key}", $"remove it; only a source with {other.Key} has it");
        }
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
        UnknownKeys.Report(section, RpoKeys);
        var rpo = new RpoConfiguration(Age(section, "warning", standard.Warning), Age(section, "critical", standard.Critical));
        if (rpo.Critical <= rpo.Warning)
        {
            var (warning, critical) = (DurationText.Format(rpo.Warning), DurationText.Format(rpo.Critical));
            var isDefault = section.Find("critical") is null ? ", the default," : "";
            section.Error($"critical {critical}{isDefault} is not above warning {warning}", "write a critical age above the warning, for example rpo: {warning: 24h, critical: 48h}");
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
        UnknownKeys.Report(section, RetryKeys);
        return new RetryConfiguration(
            section.Number("attempts", standard.Attempts, least: 1, most: 10),
            section.Duration("delay", standard.Delay, TimeSpan.Zero, TimeSpan.FromHours(1)));
    }

    private static int CompressionLevel(Section source)
    {
        const int Standard = 6;
        if (source.FindSection("compression", "compression: {level: 6}") is not { } section)
            return Standard;
        UnknownKeys.Report(section, CompressionKeys);
        return section.Number("level", Standard, least: 1, most: 9);
    }
}
