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
        var chosen = quick != deep && GainsByDepth(content, target) ? deep : quick;
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

    /// <summary>Whether only a deep search makes the content as small as gzip does, as a few pieces of it tell.</summary>
    /// <param name="room">Overwritten.</param>
    private bool GainsByDepth(ReadOnlySpan<byte> content, Span<byte> room)
    {
        if (content.Length < LibdeflateLevels.Pieces * LibdeflateLevels.PieceSize)
            return true; // so little that its time does not matter
        var (shallow, deeper) = (0, 0);
        for (var piece = 0; piece < LibdeflateLevels.Pieces; piece++)
        {
            var bytes = content.Slice(content.Length / LibdeflateLevels.Pieces * piece, LibdeflateLevels.PieceSize);
            var length = library.Compress(Compressor(LibdeflateLevels.Shallow), bytes, room);
            if (length < LibdeflateLevels.PieceSize * LibdeflateLevels.RepetitiveBelow)
                return true;
            shallow += length;
            deeper += library.Compress(Compressor(LibdeflateLevels.Deeper), bytes, room);
        }

        return shallow > deeper * LibdeflateLevels.LargestLoss;
    }

    private nint Compressor(int level)
    {
        if (compressors[level] == 0)
            compressors[level] = library.AllocateCompressor(level);
        return compressors[level];
    }
}
