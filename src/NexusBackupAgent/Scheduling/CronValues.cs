using System.Numerics;

namespace NexusBackupAgent.Scheduling;

/// <summary>The values that one cron field names, each 0 to 59; never empty.</summary>
/// <param name="Bits">Bit n stands for the value n.</param>
internal readonly record struct CronValues(ulong Bits)
{
    public int First => BitOperations.TrailingZeroCount(Bits);

    public int Last => BitOperations.Log2(Bits);

    public bool Contains(int value) => (Bits >> value & 1) != 0;

    /// <summary>The lowest value from <paramref name="value"/> (0 to 60) on; null: none.</summary>
    public int? AtOrAfter(int value) => Lowest(Bits & (ulong.MaxValue << value));

    /// <summary>The highest value up to <paramref name="value"/> (-1 to 59); null: none.</summary>
    public int? AtOrBefore(int value) => Highest(Bits & ~(ulong.MaxValue << (value + 1)));

    private static int? Lowest(ulong bits) => bits == 0 ? null : BitOperations.TrailingZeroCount(bits);

    private static int? Highest(ulong bits) => bits == 0 ? null : BitOperations.Log2(bits);
}
