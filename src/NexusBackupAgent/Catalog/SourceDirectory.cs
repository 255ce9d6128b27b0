using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>A source's directory in its store: its files, by their names in it.</summary>
/// <param name="store">Where it is.</param>
/// <param name="path">In the store; empty for its root.</param>
/// <param name="extensions">What the artifacts' names end with.</param>
internal sealed class SourceDirectory(IBackupStore store, string path, ArtifactExtensions extensions)
{
    public IBackupStore Store => store;

    /// <summary>In the store; empty for its root.</summary>
    public string Path => path;

    /// <summary>What the artifacts' names end with.</summary>
    public ArtifactExtensions Extensions => extensions;

    /// <summary>A file's path in the store.</summary>
    public string PathOf(string file) => path.Length == 0 ? file : $"{path}/{file}";

    /// <summary>Where a file lies, for people.</summary>
    public string Locate(string file) => store.Locate(PathOf(file));

    public async Task<DirectoryFiles> ListAsync(CancellationToken cancellationToken) =>
        new((await store.ListAsync(path, cancellationToken)).ToDictionary(file => file.Name, StringComparer.Ordinal), extensions);

    public Task<Stream> OpenReadAsync(string file, CancellationToken cancellationToken) => store.OpenReadAsync(PathOf(file), cancellationToken);

    public Task MoveAsync(string from, string to, CancellationToken cancellationToken) => store.MoveAsync(PathOf(from), PathOf(to), cancellationToken);

    /// <summary>Deletes them in their order.</summary>
    public async Task DeleteAsync(IReadOnlyList<string> files, CancellationToken cancellationToken)
    {
        foreach (var file in files)
            await store.DeleteAsync(PathOf(file), cancellationToken);
    }

    /// <summary>Writes a file, whole or not at all.</summary>
    public Task WriteAsync(string file, bool replace, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        store.WriteAsync(PathOf(file), replace, write, cancellationToken);

    /// <summary>Writes the mark that says of an artifact that it is being written or deleted.</summary>
    public Task MarkAsync(string artifact, CancellationToken cancellationToken) =>
        WriteTextAsync(BackupFiles.Pending(artifact), "", cancellationToken); // empty: even a full disk has room for its name

    public Task WriteTextAsync(string file, string text, CancellationToken cancellationToken) =>
        WriteAsync(file, replace: true, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), cancellationToken);

    public Task WriteJsonAsync<T>(string file, T value, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        WriteAsync(file, replace: true, (stream, token) => JsonSerializer.SerializeAsync(stream, value, type, token), cancellationToken);
}
