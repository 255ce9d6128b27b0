namespace NexusBackupAgent.Artifacts.Deflate;

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
