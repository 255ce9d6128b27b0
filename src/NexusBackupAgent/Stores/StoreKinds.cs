using NexusBackupAgent.Configuration;
using NexusBackupAgent.Stores.Local;

namespace NexusBackupAgent.Stores;

/// <summary>The kinds of stores that an agent has.</summary>
/// <param name="kinds">The first one stands in the examples of messages.</param>
internal sealed class StoreKinds(params IReadOnlyList<IStoreKind> kinds)
{
    /// <summary>Kinds that a later version may have.</summary>
    private static readonly string[] Planned = ["s3"];

    /// <summary>The registration: a new kind is one entry here.</summary>
    public static StoreKinds Shipped { get; } = new(new LocalStoreKind());

    /// <summary>A key and value of a store that would be right.</summary>
    public string Example => kinds[0].Example;

    /// <summary>The level of one store, and all below it.</summary>
    public IReadOnlyList<LevelKeys> Levels => [KeysOf(kinds), .. kinds.SelectMany(kind => kind.Levels)];

    /// <summary>The mend of an unsupported kind.</summary>
    public string Supported => $"keep backups in {string.Join(", or ", kinds.Select(kind => kind.Offer))}";

    /// <summary>The key of a kind that a later version may have.</summary>
    public Field? FindUnsupported(Section store) =>
        Planned.Except(kinds.Select(kind => kind.Key), StringComparer.Ordinal).Select(store.Find).FirstOrDefault(field => field is not null);

    /// <summary>Reads a store.</summary>
    /// <returns>Null when it is not usable; that was reported.</returns>
    public IStoreSettings? Bind(string name, Section store, string baseDirectory)
    {
        IReadOnlyList<IStoreKind> named = [.. kinds.Where(kind => store.Find(kind.Key) is not null)];
        KeysOf(named is [_] ? named : kinds).ReportOthers(store);
        if (named is [var only])
            return only.Bind(name, store, baseDirectory);
        if (named.Count > 1)
            store.Error($"the store has {string.Join(" and ", named.Select(kind => kind.Key))}, and a store is of one kind", "keep one of them; make another store for the other");
        else
            store.Error($"the store has no {string.Join(" or ", kinds.Select(kind => kind.Key))}", $"write {string.Join(", or ", kinds.Select(kind => kind.Teaching))}");
        return null;
    }

    private static LevelKeys KeysOf(IReadOnlyList<IStoreKind> kinds) => new("stores.<name>", [.. kinds.Select(kind => kind.Key), .. kinds.SelectMany(kind => kind.Options)]);
}
