using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Stores;

/// <summary>The stores of the file: those that can be used, and those that sources may name only to hear why not.</summary>
internal sealed class StoreSet
{
    private readonly StoreKinds kinds;
    private readonly string baseDirectory;
    private readonly Dictionary<string, IStoreSettings> usable = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Field> unsupported = new(StringComparer.Ordinal);
    private readonly HashSet<string> used = new(StringComparer.Ordinal);
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
            var problem = $"{field.Name.ToUpperInvariant()} stores are not supported by this version";
            if (used.Contains(name))
                field.Error($"{problem}, and a source uses this one", kinds.Supported);
            else
                field.Warning($"{problem}; no source uses this one", kinds.Supported);
        }
    }

    private void Add(Field field)
    {
        declared.Add(field.Name);
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the store's name {mistake}", "write a short name, for example local");
        if (field.Section($"{field.Name}: {{{kinds.Example}}}") is not { } section)
            return;
        if (kinds.FindUnsupported(section) is { } kind)
            unsupported[field.Name] = kind;
        else if (kinds.Bind(field.Name, section, baseDirectory) is { } store)
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
