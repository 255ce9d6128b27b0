using System.Text;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>A source's directory in its store: its files, by their names in it.</summary>
/// <param name="store">Where it is.</param>
/// <param name="path">In the store; empty for its root.</param>
/// <param name="formats">How artifacts are named and encoded.</param>
/// <param name="remembers">Whether one look is enough: afterwards it knows what it changes itself.</param>
internal sealed class SourceDirectory(IBackupStore store, string path, ArtifactFormats formats, bool remembers = false)
{
    private const int MostSidecars = 4; // CompanionNames has eight bits; what has none is asked about

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

    /// <summary>The same for one look, of which nothing is remembered: of what lies beside artifacts it knows the names alone.</summary>
    /// <returns>Null where the store has nothing that is sooner had.</returns>
    public async Task<DirectoryGlance?> GlanceAsync(CancellationToken cancellationToken)
    {
        var companions = new CompanionNames([.. BackupFiles.CompanionsOf(""), .. formats.Sidecars.Take(MostSidecars)]);
        return await store.GlanceAsync(path, companions.Take, cancellationToken) is { } glance
            ? new DirectoryGlance(new DirectoryFiles(glance.Files.ToDictionary(file => file.Name, StringComparer.Ordinal), formats, companions), glance)
            : null;
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

    /// <summary>Locks a file for longer, where the store has locks.</summary>
    public Task ExtendLockAsync(string file, DateTimeOffset until, CancellationToken cancellationToken) => store.ExtendLockAsync(PathOf(file), until, cancellationToken);

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <param name="lockedUntil">Nobody is to delete it before, where the store has locks; null: it may go at any time.</param>
    public Task PutAsync(string file, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) => ChangeAsync(async () =>
    {
        var stored = await (lockedUntil is { } until ? store.LockedUntil(until) : store).PutAsync(PathOf(file), replace, durability, write, cancellationToken);
        seen?.Put(stored);
        return true;
    });

    /// <summary>
    /// Writes the mark that says of an artifact, or of a further part, that it is being written or deleted. It needs no flush
    /// of its own: the next durable change of a name here takes it along, and only then there is something that it speaks of.
    /// </summary>
    public Task MarkAsync(string file, CancellationToken cancellationToken) =>
        PutTextAsync(BackupFiles.Pending(file), "", Durability.Later, cancellationToken); // empty: even a full disk has room for its name

    public Task PutTextAsync(string file, string text, Durability durability, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        PutAsync(file, replace: true, durability, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), cancellationToken, lockedUntil);

    /// <summary>Writes it with a seal.</summary>
    public Task PutJsonAsync<T>(string file, T value, JsonTypeInfo<T> type, Durability durability, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        PutAsync(file, replace: true, durability, (stream, token) => stream.WriteAsync(SealedJson.Write(value, type), token).AsTask(), cancellationToken, lockedUntil);

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

/// <summary>One look at a directory, which is believed as long as all that is read in it is as it should be.</summary>
/// <param name="files">Of what lies beside artifacts only the names are known.</param>
internal sealed class DirectoryGlance(DirectoryFiles files, IStoreGlance glance) : IDisposable
{
    private volatile bool isBlurred;

    public DirectoryFiles Files => files;

    /// <summary>Whether anything was read that is not as it should be.</summary>
    public bool IsBlurred => isBlurred;

    /// <summary>Says that.</summary>
    public void Blur() => isBlurred = true;

    /// <inheritdoc cref="IStoreGlance.Read"/>
    public int Read(string file, Span<byte> buffer) => glance.Read(file, buffer);

    public void Dispose() => glance.Dispose();
}

/// <summary>How a source's artifacts of each type are named and encoded, and which names are theirs.</summary>
internal sealed class ArtifactFormats
{
    private readonly Dictionary<BackupType, ArtifactFormat> byType = [];
    private readonly Dictionary<BackupType, string[]> extensions;
    private readonly ArtifactFormat[] all;
    private readonly (ArtifactFormat Format, string BeforePart)[] beforeParts;
    private readonly string[] sidecars;
    private readonly string[] ofIncrementsAlone;

    /// <param name="formatOf">As the source tells it; null for a type that it does not have.</param>
    /// <param name="method">How new ones are compressed. Those of the other methods are artifacts all the same.</param>
    /// <param name="encrypts">Whether new ones are encrypted. The others are artifacts all the same.</param>
    public ArtifactFormats(Func<BackupType, ArtifactFormat?> formatOf, ArtifactEncoding method = ArtifactEncoding.Gzip, bool encrypts = false)
    {
        foreach (var type in Enum.GetValues<BackupType>())
        {
            if (formatOf(type) is { } format)
                byType[type] = encrypts ? format.In(method).Encrypted() : format.In(method);
        }

        extensions = byType.ToDictionary(pair => pair.Key, pair => InAllForms(pair.Value).Select(form => form.Extension).Distinct(StringComparer.Ordinal).ToArray());
        sidecars = [.. byType.Values.SelectMany(format => format.Sidecars).Distinct(StringComparer.Ordinal)];
        all = [.. byType.Values.SelectMany(InAllForms).DistinctBy(format => format.Extension).OrderByDescending(format => format.Extension.Length)];
        beforeParts = Array.ConvertAll(all, format => (format, format.Extension + "."));
        ofIncrementsAlone = [.. byType.Where(pair => pair.Key != BackupType.Full && pair.Value != byType.GetValueOrDefault(BackupType.Full))
            .SelectMany(pair => InAllForms(pair.Value)).Select(format => format.Extension).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Every file of a backup in the order of deleting: the manifest first, the artifact last but for the marks.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public string[] AllOf(string artifact, params IReadOnlyList<string> parts) => [.. CompanionsOf(artifact, parts), artifact, .. BackupFiles.MarksOf(artifact, parts)];

    /// <summary>What lies beside an artifact, the most telling first.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public string[] CompanionsOf(string artifact, params IReadOnlyList<string> parts) =>
        [.. BackupFiles.CompanionsOf(artifact), .. sidecars.Select(sidecar => artifact + sidecar), .. parts.Select(part => BackupFiles.Part(artifact, part))];

    /// <summary>A file beside an artifact that only an agent makes; null when there is none.</summary>
    public string? TraceOfAgent(string artifact, DirectoryFiles files) =>
        sidecars.Select(sidecar => artifact + sidecar).Append(BackupFiles.Drill(artifact)).Append(BackupFiles.Verification(artifact)).FirstOrDefault(files.Has);

    /// <summary>How the small files of the kind's own beside an artifact end.</summary>
    public IReadOnlyList<string> Sidecars => sidecars;

    /// <summary>How a new artifact of a type is named and encoded.</summary>
    public ArtifactFormat Of(BackupType type) =>
        byType.GetValueOrDefault(type) ?? throw new NotSupportedException($"a source of this kind has no {type.Word()} backups");

    /// <summary>Whether a name, as it was stored, may be that of a backup of a type: any may, where the source has no such type any more.</summary>
    public bool MayBe(BackupType type, string name) =>
        !extensions.TryGetValue(type, out var known) || Array.Exists(known, extension => name.EndsWith(extension, StringComparison.Ordinal));

    /// <summary>Whether a name, as it was stored, is that of an artifact.</summary>
    public bool IsArtifact(string name) => FormatOf(name) is not null;

    /// <summary>Whether what an artifact's name ends with stands anywhere in a name.</summary>
    public bool Mentions(string name) => Array.Exists(all, format => name.Contains(format.Extension, StringComparison.Ordinal));

    /// <summary>Whether a name, as it was stored, is that of a differential or incremental artifact and of no full one.</summary>
    public bool IsIncrement(string name) => Array.Exists(ofIncrementsAlone, extension => name.EndsWith(extension, StringComparison.Ordinal));

    /// <summary>How an artifact of that name, as it was stored, would be encoded; null when the name is no artifact's.</summary>
    public ArtifactEncoding? EncodingOf(string name) => FormatOf(name)?.Encoding;

    /// <summary>Whether the first bytes of an artifact of that name, as it was stored, tell whether an agent wrote it: inside of an encrypted one nobody sees.</summary>
    public bool IsSigned(string name) => FormatOf(name) is { IsEncrypted: false, Encoding: var encoding } && encoding.IsSigned();

    /// <summary>The artifact, by the name under which it was stored, of which a file would be a further part; null when its name is no part's.</summary>
    public string? ArtifactOfPart(string file)
    {
        foreach (var (format, beforePart) in beforeParts)
        {
            var end = file.IndexOf(beforePart, StringComparison.Ordinal) + format.Extension.Length;
            if (end > format.Extension.Length)
                return !format.IsEncrypted && IsEncryptedTwin(file, end) ? null : file[..end];
        }

        return null;
    }

    /// <summary>The artifact that a file is, or is a further part of, as it was stored or set aside.</summary>
    public string ArtifactOf(string file) => ArtifactOfPart(file) is { } artifact && BackupFiles.OtherName(artifact) != file ? artifact : file;

    private static IEnumerable<ArtifactFormat> InAllForms(ArtifactFormat format)
    {
        var plain = format.IsEncrypted ? format.Decrypted() : format;
        return ArtifactEncodings.Methods.Select(plain.In).SelectMany(known => (ArtifactFormat[])[known, known.Encrypted()]);
    }

    /// <summary>Whether a name is that of an encrypted artifact, which a plain one of the same time may lie beside, and no part of that.</summary>
    private static bool IsEncryptedTwin(string file, int end) =>
        string.CompareOrdinal(file, end, EncryptedName.Ending, 0, EncryptedName.Ending.Length) == 0 && (file.Length == end + EncryptedName.Ending.Length || file[end + EncryptedName.Ending.Length] == '.');

    private ArtifactFormat? FormatOf(string name) => Array.Find(all, format => name.EndsWith(format.Extension, StringComparison.Ordinal));
}
