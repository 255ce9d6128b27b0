using System.Buffers.Binary;
using System.Collections;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// Which pages of a database its trees and its list of free pages name: each belongs to exactly one of them (SQLite file
/// format, §1.5 to §1.8). For a database whose trees and list SQLite found sound one by one.
/// </summary>
internal sealed class PageMap : IDisposable
{
    private const int MostFindings = 3;

    private const byte InteriorIndex = 2;
    private const byte InteriorTable = 5;
    private const byte LeafIndex = 10;
    private const byte LeafTable = 13;

    // The byte that locks are taken at; the page with it is used for nothing.
    private const long LockByte = 0x4000_0000;

    private readonly FileStream file;
    private readonly int pageSize;
    private readonly int usable;
    private readonly uint count;
    private readonly uint firstFree;
    private readonly bool hasPointerMap;
    private readonly BitArray free;
    private readonly BitArray used;
    private readonly byte[] page;
    private readonly List<string> findings = [];

    private PageMap(string path, uint pageCount)
    {
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        Span<byte> header = stackalloc byte[100];
        RandomAccess.Read(file.SafeFileHandle, header, 0);
        pageSize = BinaryPrimitives.ReadUInt16BigEndian(header[16..]) is 1 ? 65536 : BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
        usable = pageSize - header[20];
        count = pageCount;
        firstFree = BinaryPrimitives.ReadUInt32BigEndian(header[32..]);
        hasPointerMap = BinaryPrimitives.ReadUInt32BigEndian(header[52..]) != 0;
        free = new BitArray(checked((int)count + 1));
        used = new BitArray((int)count + 1);
        page = new byte[pageSize];
    }

    /// <param name="pageCount">As SQLite counts them: a file may be longer.</param>
    /// <param name="trees">Name and first page of each table and index, the schema itself included.</param>
    /// <returns>The first few pages that are in use twice, in use and free, or neither.</returns>
    public static IReadOnlyList<string> Check(string path, uint pageCount, IEnumerable<(string Name, uint Root)> trees, CancellationToken cancellationToken)
    {
        using var map = new PageMap(path, pageCount);
        map.WalkFree(cancellationToken);
        foreach (var (name, root) in trees)
            map.WalkTree(name, root, cancellationToken);
        for (var number = 1u; number <= map.count; number++)
        {
            if (!map.used[(int)number] && !map.free[(int)number] && !map.IsReserved(number))
                map.Find($"page {number} is never used");
        }

        return map.findings;
    }

    public void Dispose() => file.Dispose();

    private void WalkFree(CancellationToken cancellationToken)
    {
        for (var trunk = firstFree; Take(free, trunk, "the list of free pages"); trunk = Number(0))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Read(trunk);
            var leaves = Math.Min(Number(4), (uint)(usable / 4) - 2);
            for (var index = 0; index < leaves; index++)
                Take(free, Number(8 + (index * 4)), "the list of free pages");
        }
    }

    private void WalkTree(string name, uint root, CancellationToken cancellationToken)
    {
        var owner = $"'{name}'";
        var ahead = new Stack<uint>([root]);
        while (ahead.TryPop(out var number))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!Take(used, number, owner))
                continue;
            Read(number);
            var at = number == 1 ? 100 : 0;
            var kind = page[at];
            var isInterior = kind is InteriorIndex or InteriorTable;
            var cells = BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(at + 3));
            var pointers = at + (isInterior ? 12 : 8);
            if (isInterior)
                ahead.Push(Number(at + 8));
            for (var index = 0; index < cells && pointers + (index * 2) + 2 <= usable; index++)
            {
                int cell = BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(pointers + (index * 2)));
                if (isInterior && cell + 4 <= usable)
                    ahead.Push(Number(cell));
                if (kind != InteriorTable && Overflow(kind, isInterior ? cell + 4 : cell) is > 0 and var overflow)
                    WalkOverflow(owner, overflow);
            }
        }
    }

    /// <summary>Reads only where each page leads, and leaves <see cref="page"/> as it is.</summary>
    private void WalkOverflow(string owner, uint number)
    {
        Span<byte> next = stackalloc byte[4];
        while (Take(used, number, owner))
        {
            RandomAccess.Read(file.SafeFileHandle, next, (number - 1L) * pageSize);
            number = BinaryPrimitives.ReadUInt32BigEndian(next);
        }
    }

    /// <returns>The first page of what does not fit into the cell; 0 when all does.</returns>
    private uint Overflow(byte kind, int cell)
    {
        var at = cell;
        var payload = Varint(ref at);
        if (kind == LeafTable)
            Varint(ref at); // the row's number
        long most = kind == LeafTable ? usable - 35 : ((usable - 12) * 64 / 255) - 23;
        if (kind is not (LeafTable or LeafIndex or InteriorIndex) || payload <= most)
            return 0;
        long least = ((usable - 12) * 32 / 255) - 23;
        var local = least + ((payload - least) % (usable - 4));
        var end = at + (local <= most ? local : least);
        return end + 4 <= usable ? Number((int)end) : 0;
    }

    private long Varint(ref int at)
    {
        var value = 0L;
        for (var index = 0; index < 9 && at < usable; index++)
        {
            var next = page[at++];
            if (index == 8)
                return (value << 8) | next;
            value = (value << 7) | (next & 0x7fL);
            if (next < 0x80)
                break;
        }

        return value;
    }

    /// <returns>False when it leads nowhere, or was taken before.</returns>
    private bool Take(BitArray pages, uint number, string owner)
    {
        if (number == 0 || number > count)
            return false; // SQLite's own check tells of those beyond the end
        if (pages[(int)number])
        {
            Find($"page {number} is named twice, the second time by {owner}");
            return false;
        }

        if (pages == used && free[(int)number])
            Find($"page {number} is in use by {owner} and in the list of free pages");
        return pages[(int)number] = true;
    }

    private void Find(string finding)
    {
        if (findings.Count < MostFindings)
            findings.Add(finding);
    }

    /// <summary>Whether it belongs to no tree: the page of the lock byte, and with auto_vacuum the map that tells where each page is named.</summary>
    private bool IsReserved(uint number)
    {
        var lockPage = (LockByte / pageSize) + 1;
        if (number == lockPage)
            return true;
        if (!hasPointerMap || number < 2)
            return false;
        var perMap = (usable / 5) + 1;
        var map = ((number - 2) / perMap * perMap) + 2;
        return number == (map == lockPage ? map + 1 : map);
    }

    private void Read(uint number)
    {
        if (RandomAccess.Read(file.SafeFileHandle, page, (number - 1L) * pageSize) < pageSize)
            throw new EndOfStreamException($"page {number} of '{file.Name}' can't be read to its end");
    }

    private uint Number(int at) => BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(at));
}
