using System.Security.Cryptography;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Artifacts.Age;

/// <summary>What a pass over an encrypted file showed.</summary>
/// <param name="Stored">Digest of every byte.</param>
/// <param name="Header">Null when it has none.</param>
internal sealed record AgePass(ArtifactDigest Stored, AgeHeader? Header)
{
    /// <summary>What speaks against the file's beginning; null when nothing does.</summary>
    /// <param name="recipients">To whom it was encrypted; empty: not known.</param>
    public string? HeaderFailure(IReadOnlyList<string> recipients) => Header is null ? "it does not begin as what age writes does"
        : recipients.Count > 0 && Header.Recipients != recipients.Count ? $"its header names {Header.Recipients} recipients, and it was encrypted to {recipients.Count}"
        : null;
}

/// <summary>What decrypting gave.</summary>
/// <param name="Inner">The reading of what came out.</param>
/// <param name="Failure">Why it did not come out whole; null when it did.</param>
internal sealed record AgeReading(AgePass Pass, ArtifactReading Inner, AgeFailure? Failure);

/// <summary>Streams through age: what goes in is never on a disk, and what comes out is hashed on its way.</summary>
internal static class AgeStream
{
    private const int BufferSize = 1 << 17;

    /// <summary>Encrypts what is written, into another stream.</summary>
    /// <param name="directory">Where the tool is; null: on PATH.</param>
    /// <param name="write">Writes the plain bytes.</param>
    /// <returns>What <paramref name="write"/> gave, and the digest of what was stored.</returns>
    /// <exception cref="BackupException">The tool is missing, failed, was killed, or wrote less than it was given; what was stored is then incomplete.</exception>
    public static async Task<(T Written, ArtifactDigest Stored)> EncryptAsync<T>(
        string? directory, IReadOnlyList<string> recipients, Stream stored, Func<Stream, CancellationToken, Task<T>> write, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var age = AgeTool.Encrypt(directory, recipients);
        var storing = StoreAsync(age, stored, stop);
        var input = new PipeInput(age.Input);
        T written;
        try
        {
            written = await write(input, stop.Token);
            await input.CloseAsync();
        }
        catch (Exception failure)
        {
            if (input.Failure is null)
                age.Kill(); // else it ends by itself, and its reason is the one to tell
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (storing.IsFaulted)
                await storing; // the store failed, and so stopped the rest
            if (input.Failure is not null)
                throw Failed((await age.FailureAsync(cancellationToken))?.Reason ?? "age ended before it had taken everything", failure);
            throw;
        }

        var pass = await storing;
        if (await age.FailureAsync(cancellationToken) is { } ended)
            throw Failed(ended.Reason);
        if (pass.HeaderFailure(recipients) is { } wrong)
            throw Failed($"what age wrote is no such file: {wrong}");
        var due = pass.Header!.FileLength(input.Taken);
        return pass.Stored.Length == due ? (written, pass.Stored) : throw Failed($"age wrote {pass.Stored.Length} bytes, and {due} were due");
    }

    /// <summary>Decrypts a file and reads what comes out as its encoding says.</summary>
    /// <param name="content">Gets the decoded bytes.</param>
    /// <exception cref="IOException">The file could not be read, or the content not written.</exception>
    public static async Task<AgeReading> ReadAsync(
        string? directory, string identity, ArtifactEncoding encoding, Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        await using var age = AgeTool.Decrypt(directory, identity);
        var feeding = FeedAsync(age, stored, progress, cancellationToken);
        ArtifactReading inner;
        try
        {
            inner = await ArtifactReader.ReadAsync(encoding, age.Output, content, progress: null, cancellationToken);
        }
        catch
        {
            age.Kill();
            await ((Task)feeding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        var pass = await feeding;
        return new AgeReading(pass, inner, await age.FailureAsync(cancellationToken));
    }

    /// <summary>Decrypts the beginning of a file: its header, and no more content than says whether the key is one of it.</summary>
    /// <returns>With a key of it something came out, or all of a short file; with another one nothing did.</returns>
    /// <exception cref="IOException">The file could not be read.</exception>
    public static async Task<AgeReading> ReadBeginningAsync(string? directory, string identity, Stream stored, CancellationToken cancellationToken)
    {
        var beginning = new byte[AgeHeader.WithFirstChunk];
        var length = await stored.ReadAtLeastAsync(beginning, beginning.Length, throwOnEndOfStream: false, cancellationToken);
        return await ReadAsync(directory, identity, ArtifactEncoding.None, new MemoryStream(beginning, 0, length), Stream.Null, progress: null, cancellationToken);
    }

    /// <summary>Reads every byte of an encrypted file, without a key.</summary>
    public static async Task<AgePass> PassAsync(Stream stored, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var passing = new Passing(progress);
        var buffer = new byte[BufferSize];
        while (await stored.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            passing.Take(buffer.AsSpan(0, read));
        return passing.End();
    }

    private static async Task<AgePass> StoreAsync(AgeTool age, Stream stored, CancellationTokenSource stop)
    {
        using var passing = new Passing(progress: null);
        var buffer = new byte[BufferSize];
        try
        {
            while (await age.Output.ReadAsync(buffer, stop.Token) is > 0 and var read)
            {
                passing.Take(buffer.AsSpan(0, read));
                await stored.WriteAsync(buffer.AsMemory(0, read), stop.Token);
            }

            return passing.End();
        }
        catch
        {
            await stop.CancelAsync();
            age.Kill(); // whoever writes to it waits for it
            throw;
        }
    }

    /// <summary>What age does not take any more is read all the same, for its digest.</summary>
    private static async Task<AgePass> FeedAsync(AgeTool age, Stream stored, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        try
        {
            using var passing = new Passing(progress);
            var input = new PipeInput(age.Input);
            var buffer = new byte[BufferSize];
            while (await stored.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                passing.Take(buffer.AsSpan(0, read));
                await input.TryWriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }

            await input.CloseAsync();
            return passing.End();
        }
        catch
        {
            age.Kill(); // so that nobody takes what came for all
            throw;
        }
    }

    private static BackupException Failed(string reason, Exception? inner = null) => new(
        FailureKind.Encryption, $"the backup could not be encrypted: {reason}", "see what age says by hand (echo test | age -r RECIPIENT | wc -c) and whether something ended it (dmesg | tail), then run the backup again", inner);

    /// <summary>The input of a tool. That it is closed from the other side is remembered.</summary>
    private sealed class PipeInput(Stream pipe) : ForwardWriteStream
    {
        /// <summary>Set once the tool takes nothing any more.</summary>
        public IOException? Failure { get; private set; }

        /// <summary>Bytes that it took.</summary>
        public long Taken { get; private set; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await TryWriteAsync(buffer, cancellationToken);
            if (Failure is not null)
                throw Failure;
        }

        public async ValueTask TryWriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
        {
            if (Failure is not null)
                return;
            try
            {
                await pipe.WriteAsync(buffer, cancellationToken);
                Taken += buffer.Length;
            }
            catch (IOException closed)
            {
                Failure = closed;
            }
        }

        public async ValueTask CloseAsync()
        {
            try
            {
                await pipe.DisposeAsync();
            }
            catch (IOException closed)
            {
                Failure ??= closed;
            }
        }
    }

    /// <summary>Hashes what passes and looks for the header.</summary>
    private sealed class Passing(IProgress<long>? progress) : IDisposable
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly AgeHeaderReader header = new();
        private long length;

        public void Take(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            header.Take(bytes);
            length += bytes.Length;
            progress?.Report(length);
        }

        public AgePass End() => new(new ArtifactDigest(length, Convert.ToHexStringLower(hash.GetHashAndReset())), header.Header);

        public void Dispose() => hash.Dispose();
    }
}
