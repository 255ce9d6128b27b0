using System.Runtime.InteropServices;

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

/// <summary>
/// Which of libdeflate's levels stand for a level of gzip: the cheapest whose artifacts were no larger than
/// <c>gzip</c>'s. How much depth that takes depends on the data (measured in docs/benchmarks.md): rows of a database and what
/// doesn't compress gain next to nothing by a deep search, logs and texts much. So each member is looked at first, at a few
/// pieces of it.
/// </summary>
internal static class LibdeflateLevels
{
    /// <summary>The highest of libdeflate's levels in use.</summary>
    public const int Highest = 9;

    /// <summary>How many pieces of a member are tried, evenly apart.</summary>
    public const int Pieces = 8;

    /// <summary>Bytes of one piece.</summary>
    public const int PieceSize = 4 << 10;

    /// <summary>The level that finds what is near.</summary>
    public const int Shallow = 3;

    /// <summary>The level that the shallow one is compared with.</summary>
    public const int Deeper = 6;

    /// <summary>As many times as large as with the deeper level may the pieces be with the shallow one. Of a service desk's database 0.999 to 1.010.</summary>
    public const double LargestLoss = 1.01;

    /// <summary>A piece that becomes smaller than this part of it is repetitive, and so is what lies farther apart than a piece is long.</summary>
    public const double RepetitiveBelow = 0.25;

    private static readonly (int Quick, int Deep)[] OfGzip = [(2, 2), (2, 3), (2, 3), (3, 5), (3, 6), (3, 7), (5, 8), (6, 9), (6, 9)];

    /// <param name="level">gzip's, 1 to 9.</param>
    /// <returns>libdeflate's level for members that gain nothing by depth, and for others.</returns>
    public static (int Quick, int Deep) Of(int level) => OfGzip[level - 1];
}

/// <summary>
/// The system's libdeflate (https://github.com/ebiggers/libdeflate), which works on whole buffers and so is about twice as
/// fast as zlib. Distributions keep it patched, so it is neither bundled nor needed.
/// </summary>
internal sealed unsafe class Libdeflate
{
    // The name under which every distribution installs it since its version 1.0.
    private const string FileName = "libdeflate.so.0";

    private static readonly Lazy<Libdeflate?> Loaded = new(Load);

    private readonly delegate* unmanaged[Cdecl]<int, nint> allocateCompressor;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*, nuint, byte*, nuint, nuint> compress;
    private readonly delegate* unmanaged[Cdecl]<nint, void> freeCompressor;
    private readonly delegate* unmanaged[Cdecl]<nint> allocateDecompressor;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*, nuint, byte*, nuint, nuint*, nuint*, int> decompress;
    private readonly delegate* unmanaged[Cdecl]<nint, void> freeDecompressor;

    private Libdeflate(nint library)
    {
        allocateCompressor = (delegate* unmanaged[Cdecl]<int, nint>)NativeLibrary.GetExport(library, "libdeflate_alloc_compressor");
        compress = (delegate* unmanaged[Cdecl]<nint, byte*, nuint, byte*, nuint, nuint>)NativeLibrary.GetExport(library, "libdeflate_gzip_compress");
        freeCompressor = (delegate* unmanaged[Cdecl]<nint, void>)NativeLibrary.GetExport(library, "libdeflate_free_compressor");
        allocateDecompressor = (delegate* unmanaged[Cdecl]<nint>)NativeLibrary.GetExport(library, "libdeflate_alloc_decompressor");
        decompress = (delegate* unmanaged[Cdecl]<nint, byte*, nuint, byte*, nuint, nuint*, nuint*, int>)NativeLibrary.GetExport(library, "libdeflate_gzip_decompress_ex");
        freeDecompressor = (delegate* unmanaged[Cdecl]<nint, void>)NativeLibrary.GetExport(library, "libdeflate_free_decompressor");
    }

    /// <summary>Null where it is not installed.</summary>
    public static Libdeflate? Installed => Loaded.Value;

    /// <param name="level">libdeflate's own, 1 to 12.</param>
    public nint AllocateCompressor(int level) => Required(allocateCompressor(level));

    public void FreeCompressor(nint compressor) => freeCompressor(compressor);

    public nint AllocateDecompressor() => Required(allocateDecompressor());

    public void FreeDecompressor(nint decompressor) => freeDecompressor(decompressor);

    /// <summary>Writes one gzip member with a header of ten bytes.</summary>
    /// <returns>Its length; 0 when <paramref name="member"/> is too short for it.</returns>
    public int Compress(nint compressor, ReadOnlySpan<byte> content, Span<byte> member)
    {
        fixed (byte* from = content)
        fixed (byte* to = member)
            return checked((int)compress(compressor, from, (nuint)content.Length, to, (nuint)member.Length));
    }

    /// <summary>Inflates the gzip member at the beginning of <paramref name="member"/> and compares its checksum and length.</summary>
    /// <returns>The bytes taken and made; null when it is damaged or <paramref name="content"/> is too short for it.</returns>
    public (int Taken, int Made)? Inflate(nint decompressor, ReadOnlySpan<byte> member, Span<byte> content)
    {
        nuint taken, made;
        fixed (byte* from = member)
        fixed (byte* to = content)
        {
            return decompress(decompressor, from, (nuint)member.Length, to, (nuint)content.Length, &taken, &made) == 0
                ? (checked((int)taken), checked((int)made))
                : null;
        }
    }

    private static nint Required(nint allocated) => allocated != 0 ? allocated : throw new InvalidOperationException("libdeflate found no memory");

    private static Libdeflate? Load()
    {
        if (!NativeLibrary.TryLoad(FileName, out var library))
            return null;
        try
        {
            return new Libdeflate(library);
        }
        catch (EntryPointNotFoundException)
        {
            NativeLibrary.Free(library); // a build of it without gzip
            return null;
        }
    }
}
