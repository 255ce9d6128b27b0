using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Stores.S3;

namespace NexusBackupAgent.Stores;

/// <summary>
/// A kind of place that keeps backups. <see cref="Key"/> in a store's configuration makes the store one of this kind.
/// Whoever adds a kind registers it in <see cref="StoreKinds"/>; nothing above this folder knows it.
/// </summary>
internal interface IStoreKind
{
    /// <summary>The key in the configuration: <c>path</c>.</summary>
    string Key { get; }

    /// <summary>Its further keys beside that one.</summary>
    IReadOnlyList<string> Options { get; }

    /// <summary>The levels of the file below its keys.</summary>
    IReadOnlyList<LevelKeys> Levels { get; }

    /// <summary>A key with a value that would be right: <c>path: backups</c>.</summary>
    string Example { get; }

    /// <summary>What to write for a store of it: <c>its directory, for example path: backups</c>.</summary>
    string Teaching { get; }

    /// <summary>What a command line says beside an address of it.</summary>
    IReadOnlyList<AddressOption> AddressOptions => [];

    /// <summary>The keys of the store at an address as a command line has it.</summary>
    /// <param name="options">Values of <see cref="AddressOptions"/> by name; those that were not given are absent.</param>
    /// <param name="directory">Where relative paths begin.</param>
    /// <returns>Null when it is no address of this kind.</returns>
    MappingNode? Recognise(string address, IReadOnlyDictionary<string, string> options, string directory) => null;

    /// <summary>Reads its keys and reports every problem in them.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="store">The store's section, which names this kind.</param>
    /// <param name="baseDirectory">Where relative paths begin.</param>
    /// <returns>Null when its value was reported.</returns>
    IStoreSettings? Bind(string name, Section store, string baseDirectory);
}

/// <param name="Name">With dashes: <c>--region</c>.</param>
/// <param name="Value">What stands for its value in the help.</param>
internal sealed record AddressOption(string Name, string Value, Bilingual Help);

/// <summary>What a store works with.</summary>
/// <param name="Zone">Of the hours in the configuration.</param>
/// <param name="Told">Hears what is tried again because nothing moved.</param>
internal sealed record StoreSurroundings(TimeProvider TimeProvider, TimeZoneInfo Zone, Action<StoreSilence> Told)
{
    /// <returns>Null where nothing is limited.</returns>
    public Pace? PaceOf(IReadOnlyList<BandwidthLimit> limits) => limits.Count == 0 ? null : new Pace(limits, Zone, TimeProvider);
}

/// <summary>A server that did not go on.</summary>
/// <param name="Store">The store's name.</param>
/// <param name="Attempt">The one that ended so.</param>
internal sealed record StoreSilence(string Store, BackupException Failure, int Attempt);

/// <summary>One configured store.</summary>
internal interface IStoreSettings
{
    /// <summary>Metric label <c>store</c>.</summary>
    string Name { get; }

    /// <summary>Directories of this machine that are the store's alone: no working file belongs there, and no restore writes there.</summary>
    IReadOnlyList<string> Places { get; }

    /// <summary>Equal for two directories that are one, also of two stores. Ends with <c>/</c> and the last name of the directory.</summary>
    /// <param name="directory">Inside the store, with forward slashes; empty for the store itself.</param>
    string Identify(string directory);

    /// <summary>The places around it, nearest first: it may be a part of a store that lies at one of them.</summary>
    IReadOnlyList<IStoreSettings> Around => [];

    /// <summary>Its keys with those that its place tells, for whoever knows nothing but the address; and those that a person may take over, if he meant them so.</summary>
    /// <param name="keys">As the configuration has them.</param>
    /// <param name="files">Some that the agent wrote there, by their paths.</param>
    /// <exception cref="BackupException">It can't be asked.</exception>
    Task<(MappingNode Keys, MappingNode? Offered)> CompleteAsync(MappingNode keys, IReadOnlyList<string> files, CancellationToken cancellationToken) => Task.FromResult((keys, (MappingNode?)null));

    /// <param name="around">Null: nothing is limited, and nobody is told.</param>
    IBackupStore Open(StoreSurroundings? around = null);

    /// <summary>Whether others than the owner of the backups may read them.</summary>
    bool IsShared => false;

    /// <summary>Whether it lies at another site than the sources: <see cref="StoreKinds.OffsiteKey"/> says so, or its kind does.</summary>
    bool IsOffsite => false;

    /// <summary>What stands in the way of keeping backups there now.</summary>
    IEnumerable<ConfigurationProblem> Check();

    /// <summary>What its place lacks of what every store needs, found by trying it; part of <see cref="Check"/>.</summary>
    IEnumerable<ConfigurationProblem> Try() => [];

    /// <summary>What stands in the way of this user in the directory of one source: he has to list it, write there, and read what lies there.</summary>
    /// <param name="directory">Inside the store, with forward slashes; empty for the store itself.</param>
    /// <param name="mayGroupRead">Whether those that <see cref="IsShared"/> speaks of may read the source's backups.</param>
    /// <param name="isBackup">Whether a name is that of a file which belongs to a backup.</param>
    IEnumerable<ConfigurationProblem> CheckDirectory(string directory, bool mayGroupRead, Func<string, bool> isBackup) => [];
}

/// <summary>The kinds of stores that an agent has.</summary>
/// <param name="kinds">The first one stands in the examples of messages.</param>
internal sealed class StoreKinds(params IReadOnlyList<IStoreKind> kinds)
{
    /// <summary>A key of every kind.</summary>
    public const string OffsiteKey = "offsite";

    /// <summary>The registration: a new kind is one entry here.</summary>
    public static StoreKinds Shipped { get; } = new(new LocalStoreKind(), new S3StoreKind());

    /// <summary>A key and value of a store that would be right.</summary>
    public string Example => kinds[0].Example;

    /// <summary>The level of one store, and all below it.</summary>
    public IReadOnlyList<LevelKeys> Levels => [KeysOf(kinds), BandwidthBinder.Keys, .. kinds.SelectMany(kind => kind.Levels)];

    /// <summary>Reads a store.</summary>
    /// <returns>Null when it is not usable; that was reported.</returns>
    public IStoreSettings? Bind(string name, Section store, string baseDirectory)
    {
        KeysOf(Named() is [_] one ? one : kinds).ReportOthers(store);
        var named = Named(); // a misspelt key counts as the one that was meant
        if (named is [var only])
        {
            foreach (var other in kinds.Where(other => other != only))
            {
                foreach (var field in other.Options.Except(only.Options, StringComparer.Ordinal).Select(store.Find).OfType<Field>())
                    field.Error($"has no meaning for a store with {only.Key}", $"remove it; only a store with {other.Key} has it");
            }

            return only.Bind(name, store, baseDirectory);
        }

        if (named.Count > 1)
            store.Error($"the store has {string.Join(" and ", named.Select(kind => kind.Key))}, and a store is of one kind", "keep one of them; make another store for the other");
        else
            store.Error($"the store has no {string.Join(" or ", kinds.Select(kind => kind.Key))}", $"write {string.Join(", or ", kinds.Select(kind => kind.Teaching))}");
        return null;

        IReadOnlyList<IStoreKind> Named() => [.. kinds.Where(kind => store.Find(kind.Key) is not null)];
    }

    /// <summary>Of every kind.</summary>
    public IReadOnlyList<AddressOption> AddressOptions => [.. kinds.SelectMany(kind => kind.AddressOptions)];

    /// <summary>The keys of the store at an address as a command line has it.</summary>
    /// <exception cref="BackupException">It is no address of a store, or options go with it that its kind does not have.</exception>
    public MappingNode Recognise(string address, IReadOnlyDictionary<string, string> options, string directory)
    {
        foreach (var kind in kinds)
        {
            if (kind.Recognise(address, options, directory) is not { } store)
                continue;
            if (options.Keys.FirstOrDefault(given => !kind.AddressOptions.Any(known => known.Name == given)) is { } foreign)
                throw new BackupException(FailureKind.Configuration, $"{foreign} has no meaning for the store '{address}'", "leave it out");
            return store;
        }

        throw new BackupException(FailureKind.Configuration, $"'{address}' is no address of a store", $"write {string.Join(", or ", kinds.Select(kind => kind.Teaching))}");
    }

    private LevelKeys KeysOf(IReadOnlyList<IStoreKind> named) => new("stores.<name>", [.. named.Select(kind => kind.Key), .. kinds.SelectMany(kind => kind.Options), OffsiteKey, BandwidthBinder.Key]);
}

/// <summary>The stores of the file.</summary>
internal sealed class StoreSet
{
    private readonly StoreKinds kinds;
    private readonly string baseDirectory;
    private readonly Dictionary<string, IStoreSettings> usable = new(StringComparer.Ordinal);
    private readonly List<string> declared = [];

    private StoreSet(StoreKinds kinds, string baseDirectory) => (this.kinds, this.baseDirectory) = (kinds, baseDirectory);

    public IReadOnlyDictionary<string, IStoreSettings> Usable => usable;

    public static StoreSet Bind(Section root, StoreKinds kinds, string baseDirectory)
    {
        var example = $"stores: {{local: {{{kinds.Example}}}}}";
        var stores = new StoreSet(kinds, baseDirectory);
        var section = root.FindSection("stores", example);
        foreach (var field in section?.Fields ?? [])
            stores.Add(field);
        if (stores.declared.Count == 0)
            root.Error("there are no stores to keep backups in", $"write for example {example}");
        return stores;
    }

    /// <summary>The stores that a source means: the first is written, the others get copies.</summary>
    /// <param name="source">The source, for a store that it should have named.</param>
    /// <param name="field">Its <c>store</c> key; null: the only store there is.</param>
    /// <returns>Empty after reporting that there is none, or that one of them is none.</returns>
    public IReadOnlyList<StoreChoice> Resolve(Section source, Field? field)
    {
        if (field is { Node: ListNode { Items.Count: 0 } })
        {
            field.Error("is an empty list", "name one store");
            return [];
        }

        IReadOnlyList<StoreChoice?> chosen = field is null ? [Only(source) is { } only ? new StoreChoice(only, Keep: null) : null] : [.. field.OneOrMany().Select((item, place) => Choose(item, place))];
        if (chosen.Any(choice => choice is null))
            return [];
        if (chosen.GroupBy(choice => choice!.Store, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is not { } twice)
            return chosen!;
        field!.Error($"names store {twice.Key} twice", "name each store once");
        return [];
    }

    private void Add(Field field)
    {
        declared.Add(field.Name);
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the store's name {mistake}", "write a short name, for example local");
        if (field.Section($"{field.Name}: {{{kinds.Example}}}") is not { } section)
            return;
        if (kinds.Bind(field.Name, section, baseDirectory) is { } store)
            usable[field.Name] = store;
    }

    private string? Only(Section source)
    {
        if (declared.Count > 1)
            source.Error("does not say which store it uses", $"write store: followed by one of {string.Join(", ", declared)}");
        return declared.Count == 1 ? declared[0] : null;
    }

    /// <param name="place">In the list; 0 is the store that is written.</param>
    private StoreChoice? Choose(Field field, int place)
    {
        if (field.Node is not MappingNode)
            return Named(field) is { } name ? new StoreChoice(name, Keep: null) : null;
        if (field.Section(StoreChoice.Example) is not { } section)
            return null;
        StoreChoice.Keys.ReportOthers(section);
        if (section.Find("store") is not { } named)
        {
            section.Error("does not say which store", $"write for example {StoreChoice.Example}");
            return null;
        }

        var keep = section.Find("keep");
        if (place == 0 && keep is not null)
            keep.Error("belongs to a store that gets copies, and this is the store that is written", "the schedules say how long it keeps: retention");
        return Named(named) is { } store ? new StoreChoice(store, keep) : null;
    }

    private string? Named(Field single)
    {
        if (single.Text(declared.FirstOrDefault() ?? "local") is not { } name)
            return null;
        if (declared.Contains(name))
            return name;
        if (declared.Count > 0)
            single.Error("there is no store of that name", Mend(name));
        return null;
    }

    private string Mend(string name) =>
        NearestWord.Find(name, declared) is { } nearest ? $"did you mean {nearest}?" : $"the stores are {string.Join(", ", declared)}";
}

/// <summary>A store that a source names.</summary>
/// <param name="Store">Its name.</param>
/// <param name="Keep">How long copies are kept there, by schedule, as it is written; null: as long as in the first store.</param>
internal sealed record StoreChoice(string Store, Field? Keep)
{
    public const string Example = "store: [local, {store: offsite, keep: {daily: 90d}}]";

    /// <summary>The level of one that is a mapping.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.store", "store", "keep");
}
