namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>The system's libdeflate. What it allocates is allocated once for each level in use.</summary>
internal sealed class LibdeflateCodec(Libdeflate library) : GzipCodec
{
    private readonly nint[] compressors = new nint[LibdeflateLevels.Highest + 1];
    private nint decompressor;

    public override void Dispose()
    {
        foreach (var compressor in compressors)
            library.FreeCompressor(compressor); // as free(), it takes null
        library.FreeDecompressor(decompressor);
        Array.Clear(compressors);
        decompressor = 0;
    }

    protected override int CompressPlain(ReadOnlySpan<byte> content, byte[] target, int offset, int level)
    {
        var (quick, deep) = LibdeflateLevels.Of(level);
        var chosen = quick != deep && IsRepetitive(content, target) ? deep : quick;
        var length = library.Compress(Compressor(chosen), content, target.AsSpan(offset));
        return length > 0 ? length : throw new InvalidOperationException($"{content.Length} bytes do not fit a gzip member");
    }

    protected override void InflateInto(Block member, Block content)
    {
        if (decompressor == 0)
            decompressor = library.AllocateDecompressor();
        var inflated = library.Inflate(decompressor, member.Bytes.Span, content.Buffer.AsSpan(0, content.Length))
            ?? throw new InvalidDataException("the gzip data is damaged, or its checksum or length is wrong");
        if (inflated != (member.Length, content.Length))
            throw new InvalidDataException($"a gzip member of {member.Length} bytes ends after {inflated.Taken} and holds {inflated.Made} bytes of content where it claims {content.Length}");
    }

    /// <summary>Whether a piece anywhere in the content compresses so well that only a deep search makes it as small as gzip does.</summary>
    /// <param name="room">Overwritten.</param>
    private bool IsRepetitive(ReadOnlySpan<byte> content, Span<byte> room)
    {
        if (content.Length < LibdeflateLevels.Pieces * LibdeflateLevels.PieceSize)
            return true; // so little that its time does not matter
        var stride = content.Length / LibdeflateLevels.Pieces;
        for (var piece = 0; piece < LibdeflateLevels.Pieces; piece++)
        {
            var length = library.Compress(Compressor(1), content.Slice(piece * stride, LibdeflateLevels.PieceSize), room);
            if (length < LibdeflateLevels.PieceSize * LibdeflateLevels.RepetitiveBelow)
                return true;
        }

        return false;
    }

    private nint Compressor(int level)
    {
        if (compressors[level] == 0)
            compressors[level] = library.AllocateCompressor(level);
        return compressors[level];
    }
}
