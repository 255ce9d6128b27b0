namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>Compresses and inflates one member at a time; each thread has its own.</summary>
internal abstract class GzipCodec : IDisposable
{
    /// <summary>Compresses into <paramref name="member"/>, replacing what it holds.</summary>
    /// <param name="content">At most <see cref="GzipMember.ContentSize"/> bytes.</param>
    /// <param name="level">As gzip counts: 1 (fast) to 9 (small).</param>
    public void Compress(ReadOnlySpan<byte> content, Block member, int level)
    {
        if (content.IsEmpty)
        {
            GzipMember.WriteNothing(member);
            return;
        }

        // The compressor's own header lands where ours ends, and is then overwritten: nothing is moved.
        const int Offset = GzipMember.HeaderSize - GzipMember.PlainHeaderSize;
        member.Length = Offset + CompressPlain(content, member.Buffer, Offset, level);
        GzipMember.WriteHeader(member.Buffer.AsSpan(0, member.Length));
    }

    /// <summary>Inflates into <paramref name="content"/>, replacing what it holds.</summary>
    /// <param name="member">A whole member with this agent's header.</param>
    /// <exception cref="InvalidDataException">The member is damaged.</exception>
    public void Inflate(Block member, Block content)
    {
        content.Length = GzipMember.ReadContentLength(member.Bytes.Span);
        InflateInto(member, content);
    }

    public abstract void Dispose();

    /// <summary>Writes a plain member: ten bytes of header, data, trailer.</summary>
    /// <returns>Its length.</returns>
    protected abstract int CompressPlain(ReadOnlySpan<byte> content, byte[] target, int offset, int level);

    /// <summary>Fills <paramref name="content"/>, whose length is what the member claims.</summary>
    /// <exception cref="InvalidDataException">The member is damaged, or holds more or less than it claims.</exception>
    protected abstract void InflateInto(Block member, Block content);
}

/// <summary>What compresses and inflates members. All make and read the same format.</summary>
/// <param name="Name">For people.</param>
/// <param name="NewCodec">Makes one for a thread.</param>
internal sealed record GzipEngine(string Name, Func<GzipCodec> NewCodec)
{
    private static readonly GzipEngine Zlib = new(".NET's zlib", () => new ZlibCodec());

    private static readonly Lazy<IReadOnlyList<GzipEngine>> Here = new(() => Libdeflate.Installed is { } library
        ? [new GzipEngine("libdeflate", () => new LibdeflateCodec(library)), Zlib]
        : [Zlib]);

    /// <summary>Those that this machine has, the fastest first.</summary>
    public static IReadOnlyList<GzipEngine> Available => Here.Value;

    /// <summary>The one that is used.</summary>
    public static GzipEngine Fastest => Available[0];

    /// <summary>The one that is used, and what to do for a faster one.</summary>
    public static string Description => Fastest == Zlib
        ? $"{Zlib.Name}; about twice as fast with libdeflate installed (apt-get install libdeflate0)"
        : Fastest.Name;
}
