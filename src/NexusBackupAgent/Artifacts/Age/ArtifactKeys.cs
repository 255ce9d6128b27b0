using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts.Age;

/// <summary>How a source's configuration has its artifacts encrypted.</summary>
/// <param name="Recipients">As written; empty where a file names them.</param>
/// <param name="RecipientsFile">Names them, one a line; null: they are written.</param>
/// <param name="IdentityFile">Holds a key that opens them, for drills and restores on this machine; null: no such key is here.</param>
/// <param name="BinDirectory">Where the tool is; null: on PATH.</param>
internal sealed record Encryption(IReadOnlyList<string> Recipients, string? RecipientsFile, string? IdentityFile, string? BinDirectory)
{
    /// <exception cref="BackupException">The file can't be read, or names none.</exception>
    public IReadOnlyList<string> ReadRecipients() => RecipientsFile is null ? Recipients : [.. AgeRecipient.ReadFile(RecipientsFile).Distinct(StringComparer.Ordinal)];

    /// <summary>The same; empty where they can't be read.</summary>
    public IReadOnlyList<string> KnownRecipients()
    {
        try
        {
            return ReadRecipients();
        }
        catch (BackupException)
        {
            return [];
        }
    }

    /// <summary>What keeps new backups from being encrypted, each with the key of the configuration that it is about: a tool that is not here, recipients that can't be read.</summary>
    public IEnumerable<(string Key, BackupException Failure)> Failures()
    {
        if (FailureOf(() => AgeTool.Find(BinDirectory) + AgeTool.Find(BinDirectory, keys: true)) is { } missing)
            yield return ("binDirectory", missing);
        if (FailureOf(ReadRecipients) is { } unread)
            yield return ("recipientsFile", unread);
    }

    private static BackupException? FailureOf(Func<object> look)
    {
        try
        {
            look();
            return null;
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }
}

/// <summary>What trying a key on the beginning of an artifact told. Exactly one of the three is there.</summary>
internal sealed record KeyTrial
{
    private KeyTrial()
    {
    }

    /// <summary>The file with the key that opens it.</summary>
    public string? Key { get; private init; }

    /// <summary>Why no key here opens it.</summary>
    public BackupException? Refusal { get; private init; }

    /// <summary>Why nobody can tell: what would be tried can't be read, or is damaged.</summary>
    public string? NotTried { get; private init; }

    public static KeyTrial OpenedBy(string key) => new() { Key = key };

    public static KeyTrial Refused(BackupException refusal) => new() { Refusal = refusal };

    public static KeyTrial Untold(string reason) => new() { NotTried = reason };
}

/// <summary>
/// What encrypts the artifacts of a source and what opens them. The small files of a kind's own, which the next capture reads,
/// are encrypted to a key of this machine: it opens no backup, and losing it costs a full backup in place of an increment.
/// </summary>
/// <param name="scratch">Where a small file is opened.</param>
/// <param name="machineKey">The file that holds the key of this machine; it is made when it is first needed.</param>
internal sealed class ArtifactKeys(ScratchDirectory scratch, string machineKey, TimeProvider timeProvider)
{
    private Told? told;

    /// <summary>How new artifacts are encrypted; null: they are not.</summary>
    public Encryption? Encryption { get; init; }

    /// <summary>The file that holds a key which opens artifacts; null: there is none here.</summary>
    public string? Identity { get; init; }

    /// <summary>Whether a command was given that file for what it does: then it is tried, and its failure is the command's. One that is configured has to fit.</summary>
    public bool IsGiven { get; init; }

    private string? BinDirectory => Encryption?.BinDirectory;

    /// <summary>Room for what an artifact holds before it is encrypted, where no key can open it again to check it.</summary>
    /// <returns>Null where that is not needed.</returns>
    /// <exception cref="BackupException">Who is to open it can't be read, or the tool is missing.</exception>
    public async Task<PlainCopies?> NewPlainCopiesAsync(CancellationToken cancellationToken) =>
        Encryption is not null && !IsOneOf(await OwnAsync(cancellationToken), Encryption.ReadRecipients()) ? new PlainCopies(scratch) : null;

    /// <summary>Whether a key here is to open what was encrypted to <paramref name="recipients"/> (empty: not known). A configured key that is another one, is not there or can't be read is as good as none.</summary>
    public async Task<bool> OpensAsync(IReadOnlyList<string> recipients, CancellationToken cancellationToken) =>
        Identity is not null && (IsGiven || (await OwnAsync(cancellationToken) is { Count: > 0 } own && (recipients.Count == 0 || IsOneOf(own, recipients))));

    /// <summary>Why no key here opens it.</summary>
    public async Task<BackupException> RefusalAsync(string location, IReadOnlyList<string> recipients, CancellationToken cancellationToken) =>
        Identity is null ? Missing(location, recipients)
        : !File.Exists(Identity) ? new BackupException(FailureKind.KeyMissing, $"'{location}' is encrypted, and there is no key file '{Identity}'", "name the file that age-keygen wrote with --identity FILE, or mend encryption.age.identityFile")
        : await OwnAsync(cancellationToken) is { Count: > 0 } own ? Other(location, Identity, $"it is the key of {AgeRecipient.Shown(own)}, and the backup is encrypted to {AgeRecipient.Shown(recipients)}")
        : Other(location, Identity, "age-keygen -y does not read it, as when a passphrase protects it");

    /// <summary>Encrypts an artifact into a stream.</summary>
    /// <param name="copies">Gets the same before it is encrypted; null: nobody wants that.</param>
    /// <param name="file">The artifact's name.</param>
    /// <exception cref="BackupException">It could not be encrypted.</exception>
    public async Task<ArtifactDigests> EncryptAsync(
        IReadOnlyList<string> recipients, PlainCopies? copies, string file, Stream stored, Func<Stream, CancellationToken, Task<ArtifactDigests>> write, CancellationToken cancellationToken)
    {
        await using var copy = copies?.Create(file);
        var (digests, encrypted) = await AgeStream.EncryptAsync(
            BinDirectory, recipients, stored, (input, token) => write(copy is null ? input : new DoubledStream(input, copy, scratch.Path), token), cancellationToken);
        return digests with { Stored = encrypted };
    }

    /// <summary>Decrypts an artifact and reads it.</summary>
    /// <param name="location">Where it lies, for people.</param>
    /// <param name="recipients">To whom it was encrypted; empty: not known.</param>
    /// <param name="expected">Of what was stored; null: not known.</param>
    /// <returns>Damage is a result.</returns>
    /// <exception cref="BackupException">The key is not here, or another one, or cannot be told from another one; or the tool failed.</exception>
    public async Task<ArtifactReading> ReadAsync(
        string location, IReadOnlyList<string> recipients, ArtifactDigest? expected, ArtifactEncoding encoding, Func<Task<Stream>> open, Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var identity = Identity is not null && File.Exists(Identity) ? Identity : throw await RefusalAsync(location, recipients, cancellationToken);
        var own = await OwnAsync(cancellationToken);
        if (own.Count > 0 && recipients.Count > 0 && !IsOneOf(own, recipients))
            throw await RefusalAsync(location, recipients, cancellationToken);
        await using var stored = await open();
        var (pass, inner, failure) = await AgeStream.ReadAsync(BinDirectory, identity, encoding, stored, content, progress, cancellationToken);
        return failure switch
        {
            null => inner with { Stored = pass.Stored },
            { WasKilled: true } => throw Ended(location, failure),
            _ when pass.Header is not null && (expected is null ? inner.Stored.Length == 0 : pass.Stored == expected) && !await IsShownToFitAsync(recipients, cancellationToken) => throw Other(location, identity, failure.Reason),
            _ => new ArtifactReading(pass.Stored, Content: null, $"it does not decrypt: {failure.Reason}"),
        };
    }

    /// <summary>Tries the key on the beginning of an artifact, which tells it from every other one; the rest is not read.</summary>
    /// <param name="location">Where it lies, for people.</param>
    /// <param name="recipients">To whom it was encrypted; empty: not known.</param>
    /// <exception cref="BackupException">The tool is missing.</exception>
    public async Task<KeyTrial> TryAsync(string location, IReadOnlyList<string> recipients, Func<Task<Stream>> open, CancellationToken cancellationToken)
    {
        var own = await OwnAsync(cancellationToken);
        if (Identity is null || !File.Exists(Identity) || (own.Count > 0 && recipients.Count > 0 && !IsOneOf(own, recipients)) || !await OpensAsync(recipients, cancellationToken))
            return KeyTrial.Refused(await RefusalAsync(location, recipients, cancellationToken));
        await using var stored = await open();
        var (pass, inner, failure) = await AgeStream.ReadBeginningAsync(BinDirectory, Identity, stored, cancellationToken);
        return failure switch
        {
            null => KeyTrial.OpenedBy(Identity),
            { WasKilled: true } => KeyTrial.Refused(Ended(location, failure)),
            _ when pass.Header is null => KeyTrial.Untold($"the header of '{location}' is damaged"),
            _ when inner.Stored.Length > 0 => KeyTrial.OpenedBy(Identity),
            _ when await IsShownToFitAsync(recipients, cancellationToken) => KeyTrial.Untold($"'{location}' was encrypted to the key in '{Identity}', and its beginning does not decrypt: {failure.Reason}"),
            _ => KeyTrial.Refused(Other(location, Identity, failure.Reason)),
        };
    }

    /// <summary>The refusal to look into what no key here opens.</summary>
    public static BackupException Missing(string location, IReadOnlyList<string> recipients) => new(
        FailureKind.KeyMissing,
        $"'{location}' is encrypted{(recipients.Count == 0 ? "" : $" to {AgeRecipient.Shown(recipients)}")}, and no key that opens it is on this machine",
        "add --identity FILE with the file that age-keygen wrote, or name it in encryption.age.identityFile; by hand: age -d -i FILE");

    /// <summary>Encrypts a small file of a kind's own to the key of this machine.</summary>
    public async Task EncryptSmallAsync(Stream stored, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var recipients = await MachineRecipientsAsync(cancellationToken);
        await AgeStream.EncryptAsync<object?>(
            BinDirectory,
            recipients,
            stored,
            async (input, token) =>
            {
                await write(input, token);
                return null;
            },
            cancellationToken);
    }

    /// <summary>Opens such a file.</summary>
    /// <exception cref="FileNotFoundException">This machine has no key that opens it: it is as if there were none.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="BackupException">Something ended the tool, which says nothing of the file.</exception>
    public async Task<Stream> OpenSmallAsync(string location, Stream stored, CancellationToken cancellationToken)
    {
        if (!File.Exists(machineKey))
            throw new FileNotFoundException("no key of this machine opens it", location);
        var opened = new FileStream(scratch.NewFile(), new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous });
        try
        {
            var reading = await AgeStream.ReadAsync(BinDirectory, machineKey, ArtifactEncoding.None, stored, opened, progress: null, cancellationToken);
            if (reading.Failure is { } failure)
            {
                // With another key, as of a machine whose state was lost, nothing comes out; once something did, the key is the right one.
                throw failure.WasKilled ? Ended(location, failure)
                    : reading.Pass.Header is null || reading.Inner.Stored.Length > 0 ? new InvalidDataException($"it does not decrypt: {failure.Reason}")
                    : new FileNotFoundException($"it does not decrypt: {failure.Reason}", location);
            }

            opened.Position = 0;
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    private async Task<IReadOnlyList<string>> MachineRecipientsAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(machineKey))
        {
            // Two sources may come here at once; the first one's stays.
            var draft = $"{machineKey}.{Guid.NewGuid():N}";
            Directory.CreateDirectory(Path.GetDirectoryName(machineKey)!);
            try
            {
                await AgeTool.MakeKeyAsync(BinDirectory, draft, timeProvider, cancellationToken);
                File.Move(draft, machineKey, overwrite: false);
            }
            catch (IOException) when (File.Exists(machineKey))
            {
                File.Delete(draft);
            }
        }

        return await AgeTool.RecipientsOfAsync(BinDirectory, machineKey, timeProvider, cancellationToken) is { Count: > 0 } recipients ? recipients : throw new BackupException(
            FailureKind.Encryption, $"'{machineKey}' is no key", "move it away; a new one is made, and the next increment becomes a full backup");
    }

    /// <summary>Whose keys are in the file, as it is now: whether one fits is told by its public part, before anything is read.</summary>
    /// <returns>Empty where there is none, or that can't be told.</returns>
    private async Task<IReadOnlyList<string>> OwnAsync(CancellationToken cancellationToken)
    {
        if (Identity is null || FileStatus.Of(Identity) is not { } file)
            return [];
        if (told is { } known && known.File == file)
            return known.Recipients;
        var own = await AgeTool.RecipientsOfAsync(BinDirectory, Identity, timeProvider, cancellationToken);
        told = new Told(file, own);
        return own;
    }

    /// <summary>Whether the key is the right one and can still be read: then it is the file that does not decrypt.</summary>
    private async Task<bool> IsShownToFitAsync(IReadOnlyList<string> recipients, CancellationToken cancellationToken)
    {
        told = null;
        return IsOneOf(await OwnAsync(cancellationToken), recipients);
    }

    private static bool IsOneOf(IReadOnlyList<string> own, IReadOnlyList<string> recipients) => own.Intersect(recipients, StringComparer.Ordinal).Any();

    private static BackupException Other(string location, string identity, string reason) => new(
        FailureKind.KeyMissing, $"the key in '{identity}' does not open '{location}': {reason}", "find the key of a recipient that its manifest names (age-keygen -y FILE shows whose a key is), and name it with --identity FILE");

    private static BackupException Ended(string location, AgeFailure failure) => new(FailureKind.Encryption, $"'{location}' could not be decrypted: {failure.Reason}", "see what ended it (dmesg | tail), then run the command again");

    /// <summary>Whose keys a file held as it was.</summary>
    private sealed record Told(FileStatus File, IReadOnlyList<string> Recipients);

    /// <summary>Writes to age, and the same to a copy in the scratch space.</summary>
    private sealed class DoubledStream(Stream first, Stream copy, string place) : ForwardWriteStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await first.WriteAsync(buffer, cancellationToken);
            try
            {
                await copy.WriteAsync(buffer, cancellationToken);
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure))
            {
                throw IoFailure.Translate(failure, $"keep in scratch space '{place}' what is checked before it is encrypted", place);
            }
        }
    }
}

/// <summary>
/// What artifacts hold before they are encrypted, for as long as the run that makes them: the check of a backup whose key is
/// elsewhere reads it here. Only this user may look into it.
/// </summary>
internal sealed class PlainCopies(ScratchDirectory scratch) : IDisposable
{
    private readonly Dictionary<string, string> files = new(StringComparer.Ordinal);
    private readonly ScratchWorkspace place = scratch.NewWorkspace();

    public bool Has(string artifact) => files.ContainsKey(artifact);

    public FileStream Open(string artifact) => new(files[artifact], FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);

    public FileStream Create(string artifact)
    {
        var file = Path.Combine(place.Path, $"{files.Count}");
        files[artifact] = file;
        return new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
    }

    public void Dispose() => place.Dispose();
}
