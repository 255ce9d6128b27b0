using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Stores;

/// <summary>The stores of the file: those that can be used, and those that sources may name only to hear why not.</summary>
internal sealed class StoreSet
{
    /// <summary>Kinds that a later version may have.</summary>
    private static readonly string[] Planned = ["s3"];

    private readonly IReadOnlyList<IStoreKind> kinds;
    private readonly string baseDirectory;
    private readonly Dictionary<string, IStoreSettings> usable = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Field> unsupported = new(StringComparer.Ordinal);
    private readonly HashSet<string> used = new(StringComparer.Ordinal);
    private readonly List<string> declared = [];

    private StoreSet(IReadOnlyList<IStoreKind> kinds, string baseDirectory) => (this.kinds, this.baseDirectory) = (kinds, baseDirectory);

    public IReadOnlyDictionary<string, IStoreSettings> Usable => usable;

    /// <summary>The level of one store, and those that the kinds have below it.</summary>
    public static IReadOnlyList<LevelKeys> LevelsOf(IReadOnlyList<IStoreKind> kinds) => [KeysOf(kinds), .. kinds.SelectMany(kind => kind.Levels)];

    public static StoreSet Bind(Section root, IReadOnlyList<IStoreKind> kinds, string baseDirectory)
    {
        var example = $"stores: {{local: {{{kinds[0].Example}}}}}";
        var stores = new StoreSet(kinds, baseDirectory);
        var section = root.FindSection("stores", example);
        foreach (var field in section?.Fields ?? [])
            stores.Add(field);
        if (stores.declared.Count == 0)
            root.Error("there are no stores to keep backups in", $"write for example {example}");
        return stores;
    }

    /// <summary>The store that a source means.</summary>
    /// <param name="source">The source, for a store that it should have named.</param>
    /// <param name="field">Its <c>store</c> key; null: the only store there is.</param>
    /// <returns>A name; null after reporting that there is none.</returns>
    public string? Resolve(Section source, Field? field)
    {
        var name = field is null ? Only(source) : Named(field);
        if (name is not null)
            used.Add(name);
        return name;
    }

    /// <summary>A store of a kind that this version does not have stops only those who use it. To be called after all sources.</summary>
    public void ReportUnsupported()
    {
        foreach (var (name, field) in unsupported)
        {
            var (problem, mend) = ($"{field.Name.ToUpperInvariant()} stores are not supported by this version", $"keep backups in {kinds[0].Offer}");
            if (used.Contains(name))
                field.Error($"{problem}, and a source uses this one", mend);
            else
                field.Warning($"{problem}; no source uses this one", mend);
        }
    }

    private static LevelKeys KeysOf(IEnumerable<IStoreKind> kinds) => new("stores.<name>", [.. kinds.Select(kind => kind.Key), .. kinds.SelectMany(kind => kind.Options)]);

    private void Add(Field field)
    {
        declared.Add(field.Name);
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the store's name {mistake}", "write a short name, for example local");
        if (field.Section($"{field.Name}: {{{kinds[0].Example}}}") is not { } section)
            return;
        IReadOnlyList<IStoreKind> named = [.. kinds.Where(kind => section.Find(kind.Key) is not null)];
        if (Planned.Except(kinds.Select(kind => kind.Key)).Select(section.Find).FirstOrDefault(planned => planned is not null) is { } planned)
        {
            unsupported[field.Name] = planned;
            return;
        }

        UnknownKeys.Report(section, KeysOf(named.Count == 1 ? named : kinds));
        if (named.Count == 0)
            section.Error($"the store has no {string.Join(" or ", kinds.Select(kind => kind.Key))}", $"write {string.Join(", or ", kinds.Select(kind => kind.Teaching))}");
        else if (named.Count > 1)
            section.Error($"the store has {string.Join(" and ", named.Select(kind => kind.Key))}, and a store is of one kind", "keep one of them; make another store for the other");
        else if (named[0].Bind(field.Name, section, baseDirectory) is { } store)
            usable[field.Name] = store;
    }

    private string? Only(Section source)
    {
        if (declared.Count > 1)
            source.Error("does not say which store it uses", $"write store: followed by one of {string.Join(", ", declared)}");
        return declared.Count == 1 ? declared[0] : null;
    }

    private string? Named(Field field)
    {
        if (field.Node is ListNode { Items.Count: not 1 } list)
        {
            if (list.Items.Count == 0)
                field.Error("is an empty list", "name one store");
            else
                field.Error("copies to further stores are not supported by this version", "name one store");
            return null;
        }

        var single = field.Node is ListNode { Items: [var item] } ? field with { Node = item } : field;
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
