namespace NexusBackupAgent.Artifacts.Deflate;

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
