using Microsoft.Extensions.Logging;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A second kind of source and of store beside those that ship.</summary>
internal static class SomeKinds
{
    public static AgentKinds Both { get; } = new(new SourceKinds(new SqliteSourceKind(), new LedgerKind()), new StoreKinds(new LocalStoreKind(), new ShelfKind()));

    /// <summary><c>ledger: {books: [a, b]}</c>: a group of the books that are named; <c>ledger: {book: a}</c>: one book.</summary>
    private sealed class LedgerKind : ISourceKind
    {
        public string Key => "ledger";

        public IReadOnlyList<string> Options => ["pages"];

        public IReadOnlyList<LevelKeys> Levels { get; } = [new("sources.<name>.ledger", "book", "books")];

        public string Noun => "ledger";

        public string Example => "ledger: {book: accounts}";

        public string Offer => "ledgers: ledger: {book: accounts}";

        public ISourceSettings? Bind(string name, Section source, string baseDirectory)
        {
            source.Number("pages", fallback: 1, least: 1, most: 9);
            if (source.FindSection(Key, Example) is not { } section)
                return null;
            Levels[0].ReportOthers(section);
            return section.Find("book")?.Text("accounts") is { } book
                ? new Ledger(this, name, [book], IsGroup: false)
                : new Ledger(this, name, [.. section.Find("books")!.OneOrMany().Select(field => field.Text("accounts")!)], IsGroup: true);
        }

        public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => throw new NotSupportedException("No ledger is tested.");
    }

    private sealed record Ledger(ISourceKind Kind, string Name, IReadOnlyList<string> Books, bool IsGroup) : ISourceSettings
    {
        public string Shown => string.Join('+', Books);

        public SourceFindings Find(IReadOnlyCollection<FoundSource> before) => new([.. Books.Select(book => new FoundSource(IsGroup ? book : Name, $"ledger of {book}"))], Unlisted: []);

        public bool CanName(string name) => IsGroup;

        public string PlaceOf(string name) => $"ledger of {(IsGroup ? name : Books[0])}";

        public string? LocalPath(string place) => null;

        public string Identify(string place) => place;

        public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) => new ScriptedSource(timeProvider);

        public IEnumerable<ConfigurationProblem> Check() =>
            Books.Contains("lost") ? [new(KeyPath.Join("sources", Name, Kind.Key), Line: 0, "lost", "the ledger is lost", "look for it")] : [];
    }

    /// <summary><c>shelf: {room: attic}</c>: a directory that is kept as if it were elsewhere.</summary>
    private sealed class ShelfKind : IStoreKind
    {
        public string Key => "shelf";

        public IReadOnlyList<string> Options => [];

        public IReadOnlyList<LevelKeys> Levels { get; } = [new("stores.<name>.shelf", "room")];

        public string Example => "shelf: {room: attic}";

        public string Teaching => $"its room, for example {Example}";

        public IStoreSettings? Bind(string name, Section store, string baseDirectory)
        {
            if (store.FindSection(Key, Example) is not { } section)
                return null;
            Levels[0].ReportOthers(section);
            return section.Find("room")?.Text("attic") is { } room ? new Shelf(name, room, Path.Combine(baseDirectory, room)) : null;
        }
    }

    private sealed record Shelf(string Name, string Room, string Directory) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [];

        public string Identify(string directory) => $"shelf:{Room}/{directory}".TrimEnd('/');

        public IBackupStore Open(StoreSurroundings? around = null) => new LocalDirectoryStore(Name, Directory);

        public IEnumerable<ConfigurationProblem> Check() =>
            [new(KeyPath.Join("stores", Name, "shelf"), Line: 0, Room, "the room is locked", "ask for the key", IsError: false)];
    }
}
