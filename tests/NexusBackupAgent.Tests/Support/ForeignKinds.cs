using Microsoft.Extensions.Logging;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A source and a store of kinds that the product does not have, as a configuration names them.</summary>
internal static class ForeignKinds
{
    /// <param name="stores">What <c>memory: NAME</c> means.</param>
    public static AgentKinds With(params MemoryStore[] stores) => new(new SourceKinds(new TreeKind()), new StoreKinds(new MemoryKind(stores)));

    /// <summary><c>tree: DIRECTORY</c>, see <see cref="TreeSource"/>.</summary>
    private sealed class TreeKind : ISourceKind
    {
        public string Key => "tree";

        public IReadOnlyList<string> Options => [];

        public IReadOnlyList<LevelKeys> Levels => [];

        public string Noun => "tree";

        public string Example => "tree: files";

        public string Offer => "trees: tree: files";

        public ISourceSettings? Bind(string name, Section source, string baseDirectory) =>
            source.Find(Key)?.Text("files") is { } directory ? new Tree(this, name, Path.Combine(baseDirectory, directory)) : null;

        public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => new TreeSpecimen(Path.Combine(directory, "sample"), timeProvider);
    }

    private sealed record Tree(ISourceKind Kind, string Name, string Directory) : ISourceSettings
    {
        public bool IsGroup => false;

        public string Shown => Directory;

        public SourceFindings Find(IReadOnlyCollection<FoundSource> before) => new([new FoundSource(Name, Directory)], Unlisted: []);

        public bool CanName(string name) => false;

        public string PlaceOf(string name) => Directory;

        public string? LocalPath(string place) => place;

        public string Identify(string place) => place;

        public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) => new TreeSource(place, timeProvider);

        public IEnumerable<ConfigurationProblem> Check() => [];
    }

    /// <summary><c>memory: NAME</c>, see <see cref="MemoryStore"/>. It outlives the agent that opens it.</summary>
    private sealed class MemoryKind(IReadOnlyList<MemoryStore> stores) : IStoreKind
    {
        public string Key => "memory";

        public IReadOnlyList<string> Options => [];

        public IReadOnlyList<LevelKeys> Levels => [];

        public string Example => "memory: main";

        public string Teaching => Example;

        public IStoreSettings? Bind(string name, Section store, string baseDirectory) =>
            store.Find(Key)?.Text("main") is { } which ? new Memory(name, stores.Single(known => known.Name == which)) : null;
    }

    private sealed record Memory(string Name, MemoryStore Store) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [];

        public string Identify(string directory) => $"{Store.Name}:/{directory}".TrimEnd('/');

        public IBackupStore Open(StoreSurroundings? around = null) => Store;

        public IEnumerable<ConfigurationProblem> Check() => [];
    }
}

/// <summary>A tree of much text that no compression makes small.</summary>
internal sealed class TreeSpecimen : ISpecimen
{
    private readonly string directory;
    private int changes;

    public TreeSpecimen(string directory, TimeProvider timeProvider, ArtifactEncoding encoding = ArtifactEncoding.Gzip)
    {
        this.directory = directory;
        Source = new TreeSource(directory, timeProvider, encoding);
        Change();
    }

    public IBackupSource Source { get; }

    public void Change() => TreeSource.Make(directory, Convert.ToHexString(Some.Noise(400_000, seed: ++changes)));

    public void Damage() => TreeSource.Ruin(directory);
}
