using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>Names of the databases that drills and restores make. Each names a lock that its maker holds for as long as it lives, so that nobody takes what is in use for a leftover.</summary>
internal static class RestoreNames
{
    /// <summary>Bytes of a name (NAMEDATALEN − 1).</summary>
    public const int Longest = 63;

    private const string PracticePrefix = DatabasePattern.Own + "drill_";
    private const string TimeForm = "yyyyMMddHHmmss";
    private const int Digits = 16;

    // Locks of other programs are numbers too; these two make a collision as good as impossible.
    private const long PracticeMark = 0x6e78_6264_7269_6c6c;
    private const long TargetMark = 0x6e78_6272_6573_746f;

    /// <summary>A database for a drill.</summary>
    public static string NewPractice() => PracticePrefix + RandomNumberGenerator.GetHexString(Digits, lowercase: true);

    /// <summary>What a drill's maker holds; null where the name is none of a drill.</summary>
    public static long? LockOfPractice(string name) =>
        name.StartsWith(PracticePrefix, StringComparison.Ordinal) && name.Length == PracticePrefix.Length + Digits && ulong.TryParse(name.AsSpan(PracticePrefix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
            ? (long)number ^ PracticeMark
            : null;

    /// <summary>A database in which a restore makes what takes the place of another one.</summary>
    public static string NewRestoring(string target) => $"{RestoringPrefix(target)}{RandomNumberGenerator.GetHexString(8, lowercase: true)}";

    public static string RestoringPrefix(string target) => $"{DatabasePattern.Own}restore_{Convert.ToHexStringLower(Hash(target).AsSpan(0, 8))}_";

    /// <summary>What a restore to a database holds.</summary>
    public static long LockOfTarget(string target) => BinaryPrimitives.ReadInt64LittleEndian(Hash(target)) ^ TargetMark;

    public static string Safety(string database, DateTimeOffset now, TimeZoneInfo zone, Func<string, bool> isTaken)
    {
        var name = SafetyPrefix(database) + TimeZoneInfo.ConvertTime(now, zone).ToString(TimeForm, CultureInfo.InvariantCulture);
        var free = name;
        for (var duplicate = 1; isTaken(free); duplicate++)
            free = $"{name}-{duplicate}";
        return free;
    }

    /// <summary>What all safety copies of a database begin with: as much of its name as there is room for.</summary>
    public static string SafetyPrefix(string database)
    {
        const string Kept = "_pre_restore_";
        var room = Longest - Kept.Length - TimeForm.Length - 3;
        var name = new StringBuilder();
        foreach (var rune in database.EnumerateRunes())
        {
            if ((room -= rune.Utf8SequenceLength) < 0)
                break;
            name.Append(rune.ToString());
        }

        return name + Kept;
    }

    /// <summary>What a restored database is called when the old one takes its name back.</summary>
    public static string Undone(string database) => SafetyPrefix(database).Replace("_pre_restore_", "_undone", StringComparison.Ordinal);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
