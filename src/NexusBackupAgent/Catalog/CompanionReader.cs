using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// Reads one kind of the small files beside artifacts, and remembers each until its time or size changes: what was read
/// once need not be read at every scrape.
/// </summary>
/// <typeparam name="T">What the file holds.</typeparam>
internal sealed class CompanionReader<T>(SourceDirectory directory, JsonTypeInfo<T> type)
    where T : class
{
    private readonly ConcurrentDictionary<string, (StoredFile File, T? Value)> known = new(StringComparer.Ordinal);

    /// <returns>
    /// No value when the file is not what it should be, and a failure when it can't be read now, which is no damage.
    /// Neither may hide the rest of the catalog.
    /// </returns>
    public ValueTask<(T? Value, BackupException? Failure)> ReadAsync(StoredFile file, CancellationToken cancellationToken) =>
        known.TryGetValue(file.Name, out var read) && read.File == file ? new((read.Value, null)) : ReadAnewAsync(file, cancellationToken);

    /// <summary>Forgets the files that are gone.</summary>
    public void KeepOnly(IReadOnlyDictionary<string, StoredFile> files)
    {
        foreach (var (name, _) in known)
        {
            if (!files.ContainsKey(name))
                known.TryRemove(name, out _);
        }
    }

    private async ValueTask<(T? Value, BackupException? Failure)> ReadAnewAsync(StoredFile file, CancellationToken cancellationToken)
    {
        try
        {
            var text = await directory.ReadAsync(file.Name, cancellationToken);
            var value = TryParse(text);
            if (value is null && text.Length != file.Length)
                throw new IOException($"of its {file.Length} bytes {text.Length} came"); // replaced meanwhile, or a network's file system gave less than it has
            known[file.Name] = (file, value);
            return (value, null);
        }
        catch (BackupException failure)
        {
            return (null, failure); // not remembered: it may be readable again
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return (null, IoFailure.Translate(failure, $"read '{directory.Describe(file.Name)}'", directory.Describe("")));
        }
    }

    private T? TryParse(byte[] text)
    {
        try
        {
            return Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // An editor may have put a byte order mark before it.
    private T? Parse(ReadOnlySpan<byte> text) => JsonSerializer.Deserialize(text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text, type);
}
