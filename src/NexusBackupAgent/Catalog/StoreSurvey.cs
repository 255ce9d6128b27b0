using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>A source as its backups in a store tell of it.</summary>
/// <param name="Directory">In the store; empty for the store itself.</param>
/// <param name="Origin">Where it was; null: no manifest says it.</param>
/// <param name="Keys">The kind's own keys: those of its origin, or an example where there is none.</param>
/// <param name="Place">For people; null: no manifest says it.</param>
/// <param name="Backups">Newest first.</param>
internal sealed record SurveyedSource(string Name, ISourceKind Kind, string Directory, BackupOrigin? Origin, MappingNode Keys, string? Place, IReadOnlyList<Backup> Backups)
{
    public DateTimeOffset? NewestAt => Backups is [var newest, ..] ? newest.CapturedAt : null;
}

/// <param name="Sources">In the order of their names.</param>
/// <param name="Troubles">What lies there and could not be taken, or not as a key of the configuration, and why.</param>
internal sealed record SurveyedStore(IReadOnlyList<SurveyedSource> Sources, IReadOnlyList<BackupException> Troubles)
{
    /// <summary>Of the file names: as the newest backup that knows it says; null where none does.</summary>
    public string? TimeZone => Sources.Where(source => source.Origin is not null).MaxBy(source => source.NewestAt)?.Origin!.TimeZone;
}

/// <summary>Finds the sources of a store by what lies there, for whoever has nothing but the store.</summary>
internal sealed class StoreSurvey(IBackupStore store, SourceKinds kinds, TimeProvider timeProvider)
{
    /// <summary>Of directories in each other: a group's directory may be two deep, and its members lie below it.</summary>
    private const int Deepest = 5;

    private const string LostAndFound = "lost+found";

    private readonly List<BackupException> troubles = [];
    private readonly List<string> otherStores = [];
    private bool isMarked;

    /// <summary>The places around it, nearest first: one that bears a store's mark is the store.</summary>
    public IReadOnlyList<IBackupStore> Around { get; init; } = [];

    /// <exception cref="BackupException">It can't be reached, holds no backup, is the place of several stores, or a part of one.</exception>
    public async Task<SurveyedStore> RunAsync(CancellationToken cancellationToken)
    {
        if ((await store.GetHealthAsync(cancellationToken)).Down is { } down)
            throw down;
        var found = new List<SurveyedSource>();
        await WalkAsync("", depth: 0, found, cancellationToken);
        if (found.Count == 0 && !isMarked && otherStores.Count > 0)
        {
            throw new BackupException(
                FailureKind.NotFound, $"'{store.Describe("")}' is no store: {(otherStores.Count == 1 ? "one lies" : $"{otherStores.Count} lie")} below it", $"name {string.Join(", or ", otherStores.Select(store.Describe))}");
        }

        if (found.Count == 0)
        {
            throw troubles.FirstOrDefault() ?? new BackupException(
                FailureKind.NotFound, $"there is no backup in '{store.Describe("")}': no file ends with {BackupFiles.Manifest("")}", LookThere());
        }

        if (!isMarked && await FindAroundAsync(cancellationToken) is { } whole)
        {
            throw new BackupException(
                FailureKind.NotFound, $"no mark of a store is in '{store.Describe("")}', and one is around it, in '{whole.Describe("")}'", $"name '{whole.Describe("")}'");
        }

        return new SurveyedStore([.. Distinct(found).OrderBy(source => source.Name, StringComparer.Ordinal)], troubles);
    }

    /// <returns>Null where none bears a mark, or none may be looked at.</returns>
    private async Task<IBackupStore?> FindAroundAsync(CancellationToken cancellationToken)
    {
        foreach (var place in Around.Take(Deepest))
        {
            try
            {
                if ((await place.ListAsync("", cancellationToken)).Any(file => file.Name == StoreMarks.FileName))
                    return place;
            }
            catch (Exception closed) when (closed is BackupException || IoFailure.IsKnown(closed))
            {
                return null;
            }
        }

        return null;
    }

    private string LookThere() => store.Inspection.CommandFor(StoreQuestion.WhatIsThere, "") is { } command ? $"look what is there ({command}), and name the store as its configuration did" : "name the store as its configuration did";

    private async Task WalkAsync(string directory, int depth, List<SurveyedSource> found, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredFile> files;
        IReadOnlyList<string> below;
        try
        {
            files = await store.ListAsync(directory, cancellationToken);
            below = depth == Deepest ? [] : await store.ListDirectoriesAsync(directory, cancellationToken);
        }
        catch (BackupException unlisted) when (depth > 0)
        {
            troubles.Add(unlisted);
            return;
        }

        var hasMark = files.Any(file => file.Name == StoreMarks.FileName);
        if (depth == 0)
            isMarked = hasMark;
        else if (hasMark)
            otherStores.Add(directory);
        if (depth > 0 && hasMark)
            return; // another store's sources are in that one's configuration
        foreach (var source in await SourcesInAsync(directory, files, cancellationToken))
        {
            if (await SurveyAsync(directory, source, cancellationToken) is { } surveyed)
                found.Add(surveyed);
        }

        foreach (var name in below.Where(name => !name.StartsWith('.') && name != LostAndFound).Order(StringComparer.Ordinal))
            await WalkAsync(directory.Length == 0 ? name : $"{directory}/{name}", depth + 1, found, cancellationToken);
    }

    /// <returns>For each source with a backup in the directory its newest manifest, and the newest that says where the source was.</returns>
    private async Task<IReadOnlyList<(BackupManifest Newest, BackupOrigin? Origin)>> SourcesInAsync(string directory, IReadOnlyList<StoredFile> files, CancellationToken cancellationToken)
    {
        var manifests = new ConcurrentBag<BackupManifest>();
        var odd = new ConcurrentDictionary<string, BackupException>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(
            files.Where(file => BackupFiles.ArtifactOfManifest(file.Name) is not null),
            new ParallelOptions { MaxDegreeOfParallelism = store.ReadsAtOnce, CancellationToken = cancellationToken },
            async (file, token) =>
            {
                try
                {
                    manifests.Add(await ReadAsync(directory.Length == 0 ? file.Name : $"{directory}/{file.Name}", file, token));
                }
                catch (BackupException unread)
                {
                    odd[file.Name] = unread;
                }
            });
        troubles.AddRange(odd.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value));
        return [.. from manifest in manifests
                   group manifest by manifest.Source into source
                   let newestFirst = source.OrderByDescending(manifest => manifest.CapturedAt).ToList()
                   orderby source.Key
                   select (newestFirst[0], newestFirst.Find(manifest => manifest.Origin is not null && manifest.Kind == newestFirst[0].Kind)?.Origin)];
    }

    /// <exception cref="BackupException">It is damaged, of a newer agent, or can't be read.</exception>
    private async Task<BackupManifest> ReadAsync(string path, StoredFile file, CancellationToken cancellationToken)
    {
        byte[] text;
        try
        {
            text = file.WhyNotSmall(SealedJson.Largest) is { } problem ? throw Odd(path, problem) : await store.ReadAsync(path, cancellationToken);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{store.Describe(path)}'", store.Describe(""));
        }

        if (Parse(text, CatalogJson.Readable.ManifestFormat).Value?.FormatVersion is > BackupManifest.CurrentFormatVersion and var newer)
        {
            throw new BackupException(
                FailureKind.Verification, $"'{store.Describe(path)}' was written by a newer agent (format {newer}; this one reads up to {BackupManifest.CurrentFormatVersion})", "install that agent here, and run the command again");
        }

        var (manifest, damage) = Parse(text, CatalogJson.Readable.BackupManifest, CatalogJson.Strict.BackupManifest);
        return manifest ?? throw Odd(path, damage!);
    }

    private static (T? Value, string? Damage) Parse<T>(byte[] text, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> lenient, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T>? strict = null)
        where T : class
    {
        try
        {
            return (SealedJson.Read(text, lenient, strict ?? lenient, out _), null);
        }
        catch (InvalidDataException wrong)
        {
            return (null, wrong.Message);
        }
    }

    private BackupException Odd(string path, string why) => new(FailureKind.Verification, $"'{store.Describe(path)}' is no manifest: {why}", "bring it back from a copy of the store, or restore that one backup by hand (docs/runbook.md)");

    /// <returns>Null when it can't be taken; that is among the troubles.</returns>
    private async Task<SurveyedSource?> SurveyAsync(string directory, (BackupManifest Newest, BackupOrigin? Origin) source, CancellationToken cancellationToken)
    {
        var (name, where) = (source.Newest.Source, store.Describe(directory));
        if (NameText.FindMistake(name) is { } mistake)
            return Without($"'{where}' holds backups of a source whose name {mistake}", "see who wrote them");
        if (kinds.Find(source.Newest.Kind) is not { } kind)
            return Without($"'{where}' holds backups of source {name}, whose kind {source.Newest.Kind} this agent does not know", "install the agent that made them");
        if (kind.YieldsToOthers && directory != name)
        {
            var above = directory.EndsWith($"/{name}", StringComparison.Ordinal) ? directory[..^(name.Length + 1)] : null;
            return Without(
                $"source {name} lies in '{where}', and a {kind.Noun} has no key for another directory than its name's",
                above is null ? $"move its backups to '{store.Describe(name)}'" : $"name '{store.Describe(above)}' as the store");
        }

        var known = source.Origin is { } origin ? Bind(kind, name, origin.Configuration) : null;
        var settings = known ?? Bind(kind, name, kind.ExampleFor(source.Newest.File))!;
        using var scratch = new ScratchDirectory(Path.GetTempPath()); // nothing is made there
        var formats = new ArtifactFormats(settings.Open(settings.PlaceOf(name), scratch, timeProvider, NullLoggerFactory.Instance).FormatOf);
        var backups = await new BackupCatalog(store, directory, name, kind.Key, formats, TimeZoneInfo.Utc).ListAsync(cancellationToken);
        if (backups is [{ IsEncrypted: true }, ..])
        {
            troubles.Add(new BackupException(
                FailureKind.Configuration,
                $"the backups of source {name} in '{where}' are encrypted, and new ones would not be: who may write to the store may have named their recipients, so they are only a comment",
                "restore with --identity FILE; before you back it up again, look whether the recipients in the comment are yours, and make its line a key"));
        }

        return known?.OriginOf(known.PlaceOf(name)) is { } keys // what its kind writes itself, and nothing else that a manifest may hold
            ? new SurveyedSource(name, kind, directory, source.Origin, keys, known.Shown, backups)
            : new SurveyedSource(name, kind, directory, Origin: null, kind.ExampleFor(source.Newest.File), Place: null, backups);
    }

    private SurveyedSource? Without(string why, string hint)
    {
        troubles.Add(new BackupException(FailureKind.Verification, why, hint));
        return null;
    }

    /// <returns>Null when its kind does not take it.</returns>
    private static ISourceSettings? Bind(ISourceKind kind, string name, MappingNode keys)
    {
        var problems = new ProblemList([]);
        var settings = kind.Bind(name, new Section("", line: 0, keys, problems), "/");
        return problems.HasErrors || settings is { IsGroup: true } ? null : settings;
    }

    /// <summary>A configuration has each name once: the one with the newest backup has it.</summary>
    private IEnumerable<SurveyedSource> Distinct(List<SurveyedSource> found)
    {
        foreach (var same in found.GroupBy(source => source.Name, StringComparer.Ordinal))
        {
            var newest = same.MaxBy(source => source.NewestAt)!;
            foreach (var other in same.Where(source => source != newest))
                Without($"source {other.Name} lies in '{store.Describe(other.Directory)}' as well as in '{store.Describe(newest.Directory)}', which has the newer backup", "for the other one, name its place as the store, with another --to");
            yield return newest;
        }
    }
}
