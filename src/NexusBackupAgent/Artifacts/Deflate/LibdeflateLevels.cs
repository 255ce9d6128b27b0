namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>
/// Which of libdeflate's levels stand for a level of gzip: the cheapest whose artifacts were no larger than
/// <c>gzip</c>'s. How much depth that takes depends on the data (measured in docs/benchmarks.md): rows of a database and what
/// doesn't compress need little, repetitive text much. So each member is looked at first, at a few pieces.
/// </summary>
internal static class LibdeflateLevels
{
    /// <summary>The highest of libdeflate's levels in use.</summary>
    public const int Highest = 9;

    /// <summary>How many pieces of a member are tried, evenly apart.</summary>
    public const int Pieces = 8;

    /// <summary>Bytes of one piece.</summary>
    public const int PieceSize = 8 << 10;

    /// <summary>A piece that libdeflate's level 1 makes smaller than this part of it is repetitive. Of a service desk's database 0.35 to 0.45 remain.</summary>
    public const double RepetitiveBelow = 0.32;

    private static readonly (int Quick, int Deep)[] OfGzip = [(2, 2), (2, 2), (2, 2), (5, 5), (5, 6), (5, 7), (6, 8), (7, 9), (8, 9)];

    /// <param name="level">gzip's, 1 to 9.</param>
    /// <returns>libdeflate's level for ordinary members and for repetitive ones.</returns>
    public static (int Quick, int Deep) Of(int level) => OfGzip[level - 1];
}
