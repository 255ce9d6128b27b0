using System.Buffers;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// Copies one backup from a store to another, byte for byte and under the same names. Order of writing: pending mark → parts
/// and artifact, each read back → what the kind keeps beside it, <c>.sha256</c>, the result of the verification → manifest (the
/// commit) → mark away. So a copy that counts was read back from where it lies, and a crash leaves files under a mark, which
/// the next try takes up or the sweep removes.
/// </summary>
/// <param name="from">Where it is good.</param>
/// <param name="to">Where it is not yet. The caller holds the turn of that store's copies.</param>
/// <param name="replaces">Whether it lies there corrupt under its own name, in a store that can't rename: a sound one takes its place.</param>
/// <param name="lockedUntil">Nobody is to delete it before, where the store has locks; null: it may go at any time.</param>
/// <param name="fromOption">What a command needs to look at where it is good.</param>
internal sealed class BackupCopy(SourceDirectory from, SourceDirectory to, Backup backup, bool replaces, TimeProvider timeProvider, IProgress<long>? progress, DateTimeOffset? lockedUntil = null, string fromOption = "")
{
    private const int BufferSize = 1 << 20;

    /// <summary>How long what was written of a failed copy may take to go; a run that is told to stop while its store hangs has a few seconds in all.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly string artifact = backup.Manifest.File;
    private readonly List<string> written = [];

    /// <summary>Whether files may lie there that are not in <see cref="written"/>: then the marks stay, and the next try or the sweep decides.</summary>
    private bool isUnclear;

    private bool isCommitting;
    private long done;

    /// <returns>The copy, which is good.</returns>
    /// <exception cref="BackupException">Nothing that counts was added.</exception>
    public async Task<Backup> RunAsync(CancellationToken cancellationToken)
    {
        var manifest = backup.Manifest;
        try
        {
            if (replaces)
                await UncommitAsync(cancellationToken);
            foreach (var part in manifest.Parts)
                await CopyAsync(BackupFiles.Part(backup.File, part.Name), BackupFiles.Part(artifact, part.Name), part.Stored, cancellationToken);
            await CopyAsync(backup.File, artifact, manifest.Stored, cancellationToken);
            foreach (var sidecar in to.Formats.Sidecars)
                await CopySmallAsync(backup.File + sidecar, artifact + sidecar, Durability.Later, cancellationToken);
            if (!await CopySmallAsync(BackupFiles.Checksum(backup.File), BackupFiles.Checksum(artifact), Durability.NameLater, cancellationToken))
                await ChecksumFile.WriteAsync(to, manifest, cancellationToken, lockedUntil);
            var verified = backup.Verification!;
            var verifiedAt = verified.Checks.Any(check => check.IsOfElsewhere) ? verified.VerifiedAt : timeProvider.GetUtcNow(); // what lies elsewhere nobody looked at now
            var result = verified with { VerifiedAt = verifiedAt, StoredLength = manifest.Stored.Length, SetAside = false };
            await PutAsync(
                BackupFiles.Verification(artifact), replace: true, Durability.NameLater, (file, token) => file.WriteAsync(SealedJson.Write(result, CatalogJson.Readable.VerificationResult), token).AsTask(), cancellationToken, isLocked: false);
            isCommitting = true;
            if (!await CopySmallAsync(BackupFiles.Manifest(backup.File), BackupFiles.Manifest(artifact), Durability.Now, cancellationToken))
                throw Gone(BackupFiles.Manifest(backup.File));
            (isCommitting, isUnclear) = (false, true); // it counts
            written.Clear();
            await to.DeleteAsync(BackupFiles.MarksOf(artifact, manifest.PartNames), cancellationToken);
            return backup with { Directory = to.Path, Artifact = new StoredFile(artifact, manifest.Stored.Length, manifest.CapturedAt), Verification = result, Drill = null, Bases = [] };
        }
        catch
        {
            await AbandonAsync();
            throw;
        }
    }

    /// <summary>From here on the corrupt one counts for nothing, and the marks say that its names are the agent's.</summary>
    private async Task UncommitAsync(CancellationToken cancellationToken)
    {
        foreach (var file in backup.Manifest.PartNames.Select(part => BackupFiles.Part(artifact, part)).Append(artifact))
            await to.MarkAsync(file, cancellationToken);
        await to.DeleteAsync([BackupFiles.Manifest(artifact), BackupFiles.Verification(artifact), BackupFiles.Drill(artifact)], cancellationToken);
    }

    private async Task CopyAsync(string source, string target, ArtifactDigest stored, CancellationToken cancellationToken)
    {
        var found = await to.ListAsync(cancellationToken);
        var (isThere, isMarked) = (found.Has(target), found.Has(BackupFiles.Pending(target)));
        if (isThere && await ReadBackAsync(target, cancellationToken) == stored)
        {
            isUnclear = true; // an earlier try came so far, or somebody put it there
            if (lockedUntil is { } until)
                await to.ExtendLockAsync(target, until, cancellationToken); // that try may have ended before it was locked
            return;
        }

        if (isThere && !isMarked)
            throw new BackupException(FailureKind.Verification, $"cannot copy {target} to store '{to.Store.Name}': '{to.Describe(target)}' exists already and is another file", "see whose it is, and move it away; the next copy tries again");
        if (!isMarked)
            await to.MarkAsync(target, cancellationToken);
        await PutAsync(target, replace: isThere, Durability.Now, (file, token) => WriteAsync(source, stored, file, token), cancellationToken);
        if (await ReadBackAsync(target, cancellationToken) != stored)
            throw new BackupException(FailureKind.Verification, $"'{to.Describe(target)}' reads otherwise than it was written, so the copy does not count", to.Store.CheckDisk());
    }

    private async Task PutAsync(string target, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken, bool isLocked = true)
    {
        var wasUnclear = isUnclear;
        await to.PutAsync(target, replace, durability, async (file, token) =>
        {
            await write(file, token);
            isUnclear = true; // from here on it may be there, whatever the store says
        }, cancellationToken, isLocked ? lockedUntil : null);
        isUnclear = wasUnclear;
        written.Insert(0, target); // the last is the first to go
    }

    /// <summary>What is not what was verified once is copied nowhere.</summary>
    private async Task WriteAsync(string source, ArtifactDigest stored, Stream target, CancellationToken cancellationToken)
    {
        var read = await PassAsync(from, source, (bytes, token) => target.WriteAsync(bytes, token), cancellationToken);
        if (read != stored)
            throw new BackupException(FailureKind.Verification, $"'{from.Describe(source)}' is not what was stored there any more, and is not copied", $"nexus-backup verify {backup.Id}{fromOption} reads it back and sets it aside");
    }

    private Task<ArtifactDigest> ReadBackAsync(string file, CancellationToken cancellationToken) =>
        PassAsync(to, file, (_, _) => ValueTask.CompletedTask, cancellationToken);

    private async Task<ArtifactDigest> PassAsync(SourceDirectory directory, string file, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> use, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            await using var stream = await ReadingAsync(directory, file, () => directory.OpenAsync(file, cancellationToken));
            long length = 0;
            while (await ReadingAsync(directory, file, () => stream.ReadAsync(buffer, cancellationToken).AsTask()) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                await use(buffer.AsMemory(0, read), cancellationToken);
                length += read;
                progress?.Report(done += read);
            }

            return new ArtifactDigest(length, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <returns>False when there is none.</returns>
    private async Task<bool> CopySmallAsync(string source, string target, Durability durability, CancellationToken cancellationToken)
    {
        byte[] bytes;
        try
        {
            bytes = await ReadingAsync(from, source, () => from.ReadAsync(source, cancellationToken));
        }
        catch (BackupException gone) when (gone.InnerException is FileNotFoundException)
        {
            return false;
        }

        await PutAsync(target, replace: true, durability, (file, token) => file.WriteAsync(bytes, token).AsTask(), cancellationToken);
        return true;
    }

    /// <summary>Without this the store that is written would tell a failed read as its own.</summary>
    private async Task<T> ReadingAsync<T>(SourceDirectory directory, string file, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (FileNotFoundException missing)
        {
            throw directory == from ? Gone(file, missing) : IoFailure.Translate(missing, $"read '{directory.Describe(file)}'", directory.Describe(""));
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{directory.Describe(file)}'", directory.Describe(""));
        }
    }

    private BackupException Gone(string file, Exception? inner = null) =>
        new(FailureKind.NotFound, $"'{from.Describe(file)}' is gone, so the backup is not copied", "nexus-backup list shows what is left", inner);

    /// <summary>Takes back what this try wrote; what was there before is left.</summary>
    private async Task AbandonAsync()
    {
        try
        {
            using var brief = new CancellationTokenSource(Patience, timeProvider);
            await to.DeleteAsync(isCommitting ? [BackupFiles.Manifest(artifact), .. written] : written, brief.Token);
            if (!isUnclear)
                await to.DeleteAsync(BackupFiles.MarksOf(artifact, backup.Manifest.PartNames), brief.Token);
        }
        catch (Exception leftover) when (leftover is BackupException or OperationCanceledException)
        {
            // The failure that brought us here is the one to tell. The mark is still there.
        }
    }
}
