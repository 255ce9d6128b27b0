using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// A rollback journal (SQLite file format, §3). Of a transaction over several databases it ends with the path of their
/// super-journal, the length of that, a checksum and a magic number: the transaction is undone only while that file is there.
/// </summary>
internal static class RollbackJournal
{
    private const int TailSize = 16;

    private const int LongestPath = 512; // SQLite's MAX_PATHNAME

    private static ReadOnlySpan<byte> Magic => [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

    /// <summary>Whether it undoes a transaction. One that was ended is empty, or has no header any more.</summary>
    /// <param name="journal">One whose program is gone.</param>
    public static bool IsHot(SafeFileHandle journal)
    {
        Span<byte> first = stackalloc byte[1];
        if (RandomAccess.Read(journal, first, 0) == 0 || first[0] == 0)
            return false;
        return SuperJournalOf(journal) is not { } super || FileStatus.Of(super) is { } there && !(there.IsRegular && there.Length == 0);
    }

    /// <summary>
    /// Makes the copy of a journal forget its super-journal. SQLite deletes that file when it rolled back the last journal of
    /// it; and a journal may name any file.
    /// </summary>
    public static void Detach(string copy)
    {
        using var journal = File.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite);
        if (Tail(journal) is not null)
            RandomAccess.Write(journal, new byte[TailSize], RandomAccess.GetLength(journal) - TailSize);
    }

    /// <returns>Null where SQLite reads no path.</returns>
    private static string? SuperJournalOf(SafeFileHandle journal)
    {
        if (Tail(journal) is not { } tail)
            return null;
        var (length, end) = (BinaryPrimitives.ReadUInt32BigEndian(tail), RandomAccess.GetLength(journal) - TailSize);
        if (length is 0 or > LongestPath || length > end)
            return null;
        var path = new byte[length];
        var isWhole = RandomAccess.Read(journal, path, end - length) == length && BinaryPrimitives.ReadUInt32BigEndian(tail.AsSpan(4)) is var sum
            && (sum == (uint)path.Sum(letter => letter) || sum == (uint)path.Sum(letter => (sbyte)letter)); // as the machine's char is
        return isWhole ? Encoding.UTF8.GetString(path) : null;
    }

    /// <returns>Null where the journal does not end as one with a super-journal does.</returns>
    private static byte[]? Tail(SafeFileHandle journal)
    {
        var tail = new byte[TailSize];
        var end = RandomAccess.GetLength(journal) - TailSize;
        return end > 0 && RandomAccess.Read(journal, tail, end) == TailSize && tail.AsSpan(8).SequenceEqual(Magic) ? tail : null;
    }
}
