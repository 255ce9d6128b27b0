namespace NexusBackupAgent.Configuration;

/// <summary>The stores of the file: those that can be used, and those that sources may name only to hear why not.</summary>
internal sealed class StoreSet
{
    private const string Example = "stores: {local: {path: backups}}";

    private readonly Dictionary<string, StoreConfiguration> usable = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Field> unsupported = new(StringComparer.Ordinal);
    private readonly HashSet<string> used = new(StringComparer.Ordinal);
    private readonly List<string> declared = [];

    private StoreSet()
    {
    }

    public IReadOnlyDictionary<string, StoreConfiguration> Usable => usable;

    public static StoreSet Bind(Section root, string baseDirectory)
    {
        var stores = new StoreSet();
        var section = root.FindSection("stores", Example);
        foreach (var field in section?.Fields ?? [])
            stores.Add(field, baseDirectory);
        if (stores.declared.Count == 0)
            root.Error("there are no stores to keep backups in", $"write for example {Example}");
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
            const string Mend = "keep backups in a local directory: path: backups";
            if (used.Contains(name))
                field.Error("S3 stores are not supported by this version, and a source uses this one", Mend);
            else
                field.Warning("S3 stores are not supported by this version; no source uses this one", Mend);
        }
    }

    private void Add(Field field, string baseDirectory)
    {
        declared.Add(field.Name);
        if (NameText.FindMistake(field.Name) is { } mistake)
            field.Error($"the store's name {mistake}", "write a short name, for example local");
        if (field.Section($"{field.Name}: {{path: backups}}") is not { } section)
            return;
        if (section.Find("s3") is { } s3)
        {
            unsupported[field.Name] = s3;
            return;
        }

        UnknownKeys.Report(section, ConfigurationKeys.Store);
        if (section.Find("path") is not { } path)
            section.Error("the store has no path", "write its directory, for example path: backups");
        else if (path.Parse(text => PathText.Parse(text, baseDirectory), fallback: null, "backups") is { } directory)
            usable[field.Name] = new StoreConfiguration(field.Name, directory);
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
