using Amazon.S3.Model;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>
/// Reads an object from beginning to end. Where the connection breaks, or nothing comes for a minute, it asks for the rest of the
/// same object: what is read belongs together, or reading fails.
/// </summary>
internal sealed class ObjectReadStream(ObjectClient client, string key, string? etag, long offset) : Stream
{
    /// <summary>How often it is asked for again without a byte coming.</summary>
    private const int MostFailures = 5;

    private GetObjectResponse? response;
    private long position = offset;
    private int failed;

    /// <summary>Of the object that is read.</summary>
    public string ETag { get; private set; } = etag ?? "";

    /// <summary>Bytes of the whole object.</summary>
    public long ObjectLength { get; private set; }

    /// <summary>Whether the server says nothing that speaks against its ETag being a digest of the content.</summary>
    public bool HasDigest { get; private set; }

    /// <summary>What its uploader said its MD5 is, in base 64: some clients note that with what they upload in parts. Null: nothing.</summary>
    public string? DeclaredMd5 { get; private set; }

    /// <summary>What goes with its content, without its tags.</summary>
    public ObjectAttributes Attributes { get; private set; } = ObjectAttributes.None;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        response = await client.GetAsync(key, etag, position, cancellationToken);
        ETag = response.ETag?.Trim('"') ?? "";
        ObjectLength = position + response.ContentLength;
        HasDigest = response.ServerSideEncryptionMethod is not { Value: "aws:kms" or "aws:kms:dsse" } && response.ServerSideEncryptionCustomerMethod is null or { Value: "" or "NONE" };
        Attributes = ObjectClient.AttributesOf(response.Headers, response.Metadata, response.ExpiresString, response.StorageClass);
        DeclaredMd5 = response.Metadata["md5chksum"];
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                response ??= await client.GetAsync(key, ETag, position, cancellationToken);
                var read = await ReadPatientlyAsync(response.ResponseStream, buffer, cancellationToken);
                if (read == 0 && position < ObjectLength && buffer.Length > 0)
                    throw new EndOfStreamException($"it ended after {position} of {ObjectLength} bytes");
                position += read;
                if (read > 0)
                    failed = 0;
                if (client.Pace is { } pace)
                    await pace.TakeAsync(read, cancellationToken);
                return read;
            }
            catch (Exception failure) when (failure is not ObjectException && ObjectFailures.IsKnown(failure))
            {
                response?.Dispose();
                response = null;
                if (position == ObjectLength) // all came, and the SDK's digest of it is another one: there is no rest to ask for
                    throw client.Failures.New(ObjectProblem.Damaged, $"read {client.Address.Describe(key)}", "its MD5 is not the one that its ETag says", failure);
                var problem = client.Failures.New(failure is TimeoutException ? ObjectProblem.Silent : ObjectProblem.Unreachable, $"read {client.Address.Describe(key)}", failure.Message, failure);
                if (++failed > MostFailures || (problem.Problem == ObjectProblem.Silent && client.Silence.IsOver))
                    throw problem;
                if (problem.Problem == ObjectProblem.Silent)
                    client.Silent?.Invoke(problem, failed);
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            response?.Dispose();
        base.Dispose(disposing);
    }

    private async Task<int> ReadPatientlyAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var watch = new SilenceWatch(client.Patience, client.Time, cancellationToken);
        try
        {
            var read = await body.ReadAsync(client.Pace is { } pace ? buffer[..Math.Min(buffer.Length, pace.Piece)] : buffer, watch.Token);
            client.Silence.Heard();
            return read;
        }
        catch (OperationCanceledException late) when (watch.IsOver)
        {
            client.Silence.Noted(watch);
            throw new TimeoutException($"{watch.Text}, {position} of {ObjectLength} bytes came", late);
        }
    }
}
