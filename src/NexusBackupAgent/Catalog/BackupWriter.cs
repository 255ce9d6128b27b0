using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>What a new backup is.</summary>
/// <param name="Schedule">The schedule that makes it, or <c>manual</c>.</param>
/// <param name="Type">How much of the source it holds.</param>
/// <param name="Base">The backup that it builds on; null for a full one.</param>
/// <param name="Previous">The newest good one before it, which it may continue; null: there is none.</param>
internal sealed record BackupLabel(string Schedule, BackupType Type, BackupId? Base = null, BackupId? Previous = null)
{
    /// <summary>Nobody is to delete it before, where the store has locks; null: it may go at any time.</summary>
    public DateTimeOffset? LockedUntil { get; init; }
}

/// <summary>Stores what a capture writes and commits it: all of it, or nothing that counts.</summary>
/// <param name="compression">How artifacts are compressed.</param>
/// <param name="origin">Where the source is; null: that is nobody's to know.</param>
internal sealed class BackupWriter(BackupCatalog catalog, IBackupSource source, Compression compression, TimeProvider timeProvider, BackupOrigin? origin = null)
{
    /// <summary>How long what was written of a failed backup may take to go.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <param name="progress">Told the bytes of the state that were looked at.</param>
    /// <exception cref="BackupException">Nothing was added.</exception>
    public async Task<Backup> StoreAsync(ICapture capture, BackupLabel label, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var recipients = catalog.Keys?.Encryption?.ReadRecipients();
        var artifact = await catalog.BeginAsync(label.Schedule, label.Type, capture.CapturedAt, cancellationToken);
        var sink = new Sink(catalog, artifact, label, compression, recipients, progress);
        try
        {
            await capture.WriteAsync(sink, cancellationToken);
            return await catalog.CommitAsync(ManifestOf(capture, label, artifact, sink), cancellationToken, label.LockedUntil);
        }
        catch
        {
            using var brief = new CancellationTokenSource(Patience, timeProvider);
            await AbandonAsync(artifact, sink.IsWritten, brief.Token);
            throw;
        }
    }

    private async Task AbandonAsync(string artifact, bool isWritten, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.AbandonAsync(artifact, isWritten, cancellationToken);
        }
        catch (Exception leftover) when (leftover is BackupException or OperationCanceledException)
        {
            // The failure that brought us here is the one to tell. The mark is still there, so the rest is swept later.
        }
    }

    private BackupManifest ManifestOf(ICapture capture, BackupLabel label, string artifact, Sink sink) => new(
        BackupManifest.CurrentFormatVersion,
        BackupId.New(capture.CapturedAt),
        catalog.Source,
        source.Kind,
        label.Schedule,
        label.Type,
        label.Base,
        capture.CapturedAt.ToUniversalTime(),
        artifact,
        sink.Digests.Content,
        sink.Digests.Stored,
        Adopted: false,
        new Dictionary<string, string>(source.Tools, StringComparer.Ordinal) { ["nexus-backup"] = ThisAgent.Version })
    {
        Restored = sink.Restored,
        Fingerprint = sink.Fingerprint,
        RestorableFrom = capture.RestorableFrom is { } from && from > capture.CapturedAt ? from.ToUniversalTime() : null,
        Continues = capture.ContinuesPrevious ? label.Previous : null,
        Origin = origin,
        Encoding = catalog.EncodingOf(label.Type),
        Encryption = sink.Recipients is { } recipients ? new BackupEncryption(recipients) : null,
        Parts = sink.Parts,
    };

    /// <param name="recipients">To whom everything is encrypted; null: nothing is.</param>
    private sealed class Sink(BackupCatalog catalog, string artifact, BackupLabel label, Compression compression, IReadOnlyList<string>? recipients, IProgress<long>? progress) : IArtifactSink
    {
        public IReadOnlyList<string>? Recipients => recipients;

        private readonly List<BackupPart> parts = [];

        public IProgress<long>? Progress => progress;

        public IReadOnlyList<BackupPart> Parts => parts;

        public bool IsWritten { get; private set; }

        public ArtifactDigests Digests { get; private set; }

        /// <summary>Of an increment, known once it was captured.</summary>
        public ArtifactDigest? Restored { get; private set; }

        public string? Fingerprint { get; private set; }

        public async Task<ArtifactDigests> WriteAsync(Func<Stream, CancellationToken, Task> content, IProgress<long>? progress, CancellationToken cancellationToken)
        {
            await catalog.WriteArtifactAsync(
                artifact, async (stored, token) => Digests = await EncodeAsync(artifact, catalog.EncodingOf(label.Type), stored, content, progress, token), cancellationToken, label.LockedUntil);
            IsWritten = true;
            return Digests;
        }

        public async Task<ArtifactDigests> WritePartAsync(string name, ArtifactEncoding encoding, Func<Stream, CancellationToken, Task> content, CancellationToken cancellationToken)
        {
            var digests = default(ArtifactDigests);
            var part = recipients is null ? name : EncryptedName.Of(name);
            await catalog.WritePartAsync(
                artifact, part, async (stored, token) => digests = await EncodeAsync(BackupFiles.Part(artifact, part), encoding, stored, content, progress: null, token), cancellationToken, label.LockedUntil);
            parts.Add(new BackupPart(part, encoding, digests.Content, digests.Stored));
            return digests;
        }

        private Task<ArtifactDigests> EncodeAsync(
            string file, ArtifactEncoding encoding, Stream stored, Func<Stream, CancellationToken, Task> content, IProgress<long>? progress, CancellationToken cancellationToken)
        {
            return recipients is null
                ? ArtifactWriter.WriteAsync(encoding, stored, compression, Guarded(content), progress, cancellationToken)
                : catalog.Keys!.EncryptAsync(recipients, catalog.PlainCopies, file, stored, (plain, token) => ArtifactWriter.WriteAsync(encoding, plain, compression, Guarded(content), progress, token), cancellationToken);
        }

        public Task WriteSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
            catalog.WriteSidecarAsync(artifact, ending, write, cancellationToken, label.LockedUntil);

        public void DeclareRestored(ArtifactDigest restored) => Restored = restored;

        public void DeclareFingerprint(string sha256) => Fingerprint = sha256;

        /// <summary>A read that fails is the source's failure; without this the store that is being written would tell it as its own.</summary>
        private Func<Stream, CancellationToken, Task> Guarded(Func<Stream, CancellationToken, Task> content) => async (stream, token) =>
        {
            await using var told = new TellingStream(stream);
            try
            {
                await content(told, token);
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure) && !ReferenceEquals(failure, told.Failure))
            {
                if (IoFailure.IsFull(failure)) // reading fills nothing: it was what the kind makes beside it
                    throw new BackupException(FailureKind.StoreFull, "the scratch space is full", "free space there, or set scratch to a directory on a larger disk; then run the command again", failure);
                throw new BackupException(FailureKind.Io, $"cannot read source '{catalog.Source}': {failure.Message}", "check the source's disk (dmesg | tail; smartctl -H), then run the backup again", failure);
            }
        };

        /// <summary>Remembers why it could not be written to: what is stored as it comes goes straight to the store, whose failure that is.</summary>
        private sealed class TellingStream(Stream inner) : ForwardWriteStream
        {
            public Exception? Failure { get; private set; }

            public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            {
                try
                {
                    await inner.WriteAsync(buffer, cancellationToken);
                }
                catch (Exception failure)
                {
                    Failure = failure;
                    throw;
                }
            }
        }
    }
}

/// <summary>Removes backups, and never one that another one builds on.</summary>
internal sealed class BackupRemoval(BackupCatalog catalog, SourceDirectory directory)
{
    /// <summary>Which artifacts are built on, and by how many directly.</summary>
    public async Task<Dictionary<string, int>> NeededAsync(CancellationToken cancellationToken)
    {
        var needed = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var backup in await catalog.ListAsync(cancellationToken))
        {
            if (backup.Bases.Count > 0)
                needed[backup.Bases[0].File] = needed.GetValueOrDefault(backup.Bases[0].File) + 1;
        }

        return needed;
    }

    /// <summary>Removes them in the order given.</summary>
    /// <exception cref="BackupException">Another one builds on one of them, or the store refuses.</exception>
    public async Task RemoveAsync(IReadOnlyCollection<Backup> backups, CancellationToken cancellationToken)
    {
        if (backups.Count == 0)
            return;
        var needed = await NeededAsync(cancellationToken);
        foreach (var backup in backups)
        {
            if (needed.GetValueOrDefault(backup.File) > 0)
                throw IsNeeded(backup);
            await RemoveAsync(backup, cancellationToken);
            if (backup.Bases.Count > 0)
                needed[backup.Bases[0].File] = needed.GetValueOrDefault(backup.Bases[0].File) - 1;
        }
    }

    private async Task RemoveAsync(Backup backup, CancellationToken cancellationToken)
    {
        if (backup.IsScattered)
            backup = await catalog.GatherAsync(backup, cancellationToken); // so that one set of names is deleted, where the store can rename
        IEnumerable<string> strays = backup.IsScattered ? directory.Formats.CompanionsOf(BackupFiles.OtherName(backup.File), backup.Manifest.PartNames) : [];
        try
        {
            foreach (var part in backup.Manifest.PartNames)
                await directory.MarkAsync(BackupFiles.Part(backup.File, part), cancellationToken);
            await directory.MarkAsync(backup.File, cancellationToken);
        }
        catch (BackupException full) when (full.Kind == FailureKind.StoreFull)
        {
            // Deleting is what makes room. Without the mark, a crash before the artifact is gone leaves a full one as a file
            // that is adopted as a manual backup, and an increment as one that is reported: nothing is lost by that.
        }

        await directory.DeleteAsync([.. strays, .. directory.Formats.AllOf(backup.File, backup.Manifest.PartNames)], cancellationToken);
    }

    private BackupException IsNeeded(Backup backup) => new(
        FailureKind.StoreUnavailable,
        $"'{directory.Describe(backup.File)}' is not removed, because another backup builds on it",
        $"remove what builds on it first: nexus-backup list '{backup.Source}' --json | jq '.[] | select(.base == \"{backup.Id}\")'");
}
