using System.Runtime.InteropServices;

namespace NexusBackupAgent.Artifacts.Deflate;

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
