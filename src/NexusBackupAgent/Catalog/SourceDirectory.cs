using System.Text;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>A source's directory in its store: its files, by their names in it.</summary>
/// <param name="store">Where it is.</param>
/// <param name="path">In the store; empty for its root.</param>
/// <param name="formats">How artifacts are named and encoded.</param>
/// <param name="remembers">Whether one look is enough: afterwards it knows what it changes itself.</param>
internal sealed class SourceDirectory(IBackupStore store, string path, ArtifactFormats formats, bool remembers = false)
{
    private DirectoryFiles? seen;

    public IBackupStore Store => store;

    /// <summary>In the store; empty for its root.</summary>
    public string Path => path;

    public ArtifactFormats Formats => formats;

    /// <summary>The same directory, which is looked at once.</summary>
    public SourceDirectory Remembering() => new(store, path, formats, remembers: true);

    /// <summary>A file's path in the store.</summary>
    public string PathOf(string file) => path.Length == 0 ? file : $"{path}/{file}";

    /// <summary>Where a file lies, for people; where the directory does, when it is empty.</summary>
    public string Describe(string file) => store.Describe(PathOf(file));

    public async Task<DirectoryFiles> ListAsync(CancellationToken cancellationToken)
    {
        if (seen is not null)
            return seen;
        var listed = new DirectoryFiles((await store.ListAsync(path, cancellationToken)).ToDictionary(file => file.Name, StringComparer.Ordinal), formats);
        if (remembers)
            seen = listed;
        return listed;
    }

    /// <summary>Makes the next listing read the directory again: another program changed it, or our own change failed half way.</summary>
    public void Forget() => seen = null;

    public Task<byte[]> ReadAsync(string file, CancellationToken cancellationToken) => store.ReadAsync(PathOf(file), cancellationToken);

    public Task<Stream> OpenAsync(string file, CancellationToken cancellationToken) => store.OpenAsync(PathOf(file), cancellationToken);

    /// <returns>False where the store knows no such thing; nothing was done.</returns>
    public Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken) => ChangeAsync(async () =>
    {
        if (!await store.TryRenameAsync(PathOf(from), PathOf(to), cancellationToken))
            return false;
        seen?.Rename(from, to);
        return true;
    });

    /// <summary>
    /// Deletes them in their order. The manifest's deletion is durable before anything else goes, and the artifact's before
    /// its mark does; what else a power cut brings back is swept under that mark.
    /// </summary>
    public async Task DeleteAsync(IReadOnlyList<string> files, CancellationToken cancellationToken)
    {
        foreach (var file in files)
        {
            var durability = BackupFiles.ArtifactOfManifest(file) is not null || formats.IsArtifact(BackupFiles.Original(file)) ? Durability.Now : Durability.Later;
            await ChangeAsync(async () =>
            {
                await store.DeleteAsync(PathOf(file), durability, cancellationToken);
                seen?.Remove(file);
                return true;
            });
        }
    }

    /// <summary>Writes a file, whole or not at all.</summary>
    public Task PutAsync(string file, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => ChangeAsync(async () =>
    {
        var stored = await store.PutAsync(PathOf(file), replace, durability, write, cancellationToken);
        seen?.Put(stored);
        return true;
    });

    /// <summary>
    /// Writes the mark that says of an artifact, or of a further part, that it is being written or deleted. It needs no flush
    /// of its own: the next durable change of a name here takes it along, and only then there is something that it speaks of.
    /// </summary>
    public Task MarkAsync(string file, CancellationToken cancellationToken) =>
        PutTextAsync(BackupFiles.Pending(file), "", Durability.Later, cancellationToken); // empty: even a full disk has room for its name

    public Task PutTextAsync(string file, string text, Durability durability, CancellationToken cancellationToken) =>
        PutAsync(file, replace: true, durability, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), cancellationToken);

    /// <summary>Writes it with a seal.</summary>
    public Task PutJsonAsync<T>(string file, T value, JsonTypeInfo<T> type, Durability durability, CancellationToken cancellationToken) =>
        PutAsync(file, replace: true, durability, (stream, token) => stream.WriteAsync(SealedJson.Write(value, type), token).AsTask(), cancellationToken);

    private async Task<T> ChangeAsync<T>(Func<Task<T>> change)
    {
        try
        {
            return await change();
        }
        catch
        {
            Forget();
            throw;
        }
    }
}
