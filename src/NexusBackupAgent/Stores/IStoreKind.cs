using NexusBackupAgent.Configuration;

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

    /// <summary>What to use where another kind is not supported: <c>a local directory: path: backups</c>.</summary>
    string Offer { get; }

    /// <summary>Reads its keys and reports every problem in them.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="store">The store's section, which names this kind.</param>
    /// <param name="baseDirectory">Where relative paths begin.</param>
    /// <returns>Null when its value was reported.</returns>
    IStoreSettings? Bind(string name, Section store, string baseDirectory);
}

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

    /// <summary>The same in two: the directory around it, and its own name. Null where there is none around it.</summary>
    (string Around, string Name)? Locate(string directory)
    {
        var identity = Identify(directory);
        return identity.LastIndexOf('/') is > 0 and var end ? (identity[..end], identity[(end + 1)..]) : null;
    }

    IBackupStore Open();

    /// <summary>What stands in the way of keeping backups there now.</summary>
    IEnumerable<ConfigurationProblem> Check();
}
