using System.Globalization;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>
/// Segments that were received, each whole and flushed by pg_receivewal before it has its name, and that stay until the backup after
/// the one that holds them: a backup that is found damaged before has lost nothing.
/// </summary>
internal sealed class ReceivedWal(string directory)
{
    private const string Partial = ".partial";
    private const string UntilFile = "received-until";
    private const string GapFile = "last-gap";

    public string Path => directory;

    /// <summary>Makes the directory, with those above it.</summary>
    public void Make()
    {
        FileOwner.MakeDirectory(System.IO.Path.GetDirectoryName(directory)!);
        SafeFile.MakeDirectory(directory, FileOwner.OwnersDirectory);
    }

    /// <summary>Bytes that ordinary users may still use there.</summary>
    public long Available => new DriveInfo(directory).AvailableFreeSpace;

    /// <summary>The whole segments, oldest first.</summary>
    /// <param name="size">Of a segment of this cluster.</param>
    public IReadOnlyList<WalSegment> Segments(int size) =>
        [.. Names().Select(name => WalSegment.TryParse(name, size, out var segment) ? segment : (WalSegment?)null).OfType<WalSegment>().Where(IsWhole).OrderBy(segment => segment.Number).ThenBy(segment => segment.Timeline)];

    /// <summary>The first segment that is missing between two others; null when none is.</summary>
    public static WalSegment? HoleIn(IReadOnlyList<WalSegment> segments)
    {
        var hole = segments.Zip(segments.Skip(1)).FirstOrDefault(pair => pair.Second.Number > pair.First.Number + 1);
        return hole.First.Size == 0 ? null : hole.First.Next;
    }

    /// <summary>The unbroken run of whole segments that follows one, to another one at most.</summary>
    public IReadOnlyList<WalSegment> After(WalSegment from, WalSegment to)
    {
        var there = Segments(from.Size).Where(segment => segment.Timeline == to.Timeline && segment.Number > from.Number && segment.Number <= to.Number).ToList();
        return [.. there.TakeWhile((segment, index) => segment.Number == from.Number + (ulong)index + 1)];
    }

    public string FileOf(WalSegment segment) => System.IO.Path.Combine(directory, segment.Name);

    /// <summary>What tells where timelines branch off.</summary>
    public IReadOnlyList<string> Histories() => [.. Names().Where(WalSegment.IsHistory).Select(name => System.IO.Path.Combine(directory, name))];

    /// <summary>The cluster that a whole segment is of.</summary>
    public ulong SystemOf(WalSegment segment) => ReadHead(segment) is { } head ? WalPages.IdentityOf(head).SystemIdentifier : 0;

    /// <summary>Removes what is before a segment.</summary>
    public void Forget(WalSegment before)
    {
        foreach (var name in Names())
        {
            var plain = name.EndsWith(Partial, StringComparison.Ordinal) ? name[..^Partial.Length] : name;
            if (WalSegment.TryParse(plain, before.Size, out var segment) && segment.Number < before.Number)
                SafeFile.Delete(System.IO.Path.Combine(directory, name));
        }
    }

    /// <summary>Removes all: what comes next does not follow it.</summary>
    public void Clear()
    {
        foreach (var name in Names().Where(name => name is not (UntilFile or GapFile)))
            SafeFile.Delete(System.IO.Path.Combine(directory, name));
    }

    /// <summary>Has pg_receivewal begin with a segment: it goes on behind the last whole one that it finds, so an empty one is put before it, which counts as none.</summary>
    public void BeginWith(WalSegment first)
    {
        using var known = new FileStream(FileOf(first with { Number = first.Number - 1 }), FileMode.Create, FileAccess.Write);
        known.SetLength(first.Size);
    }

    /// <summary>Removes what <see cref="BeginWith"/> made; once the receiver runs, it has no use for it.</summary>
    public void TakeAwayBeginning(int size)
    {
        foreach (var name in Names().Where(name => WalSegment.TryParse(name, size, out var segment) && !IsWhole(segment)))
            SafeFile.Delete(System.IO.Path.Combine(directory, name));
    }

    /// <summary>Until when all was received, as it was last noted; null: never.</summary>
    public DateTimeOffset? Until => Noted(UntilFile);

    /// <summary>When a gap was last found; null: never.</summary>
    public DateTimeOffset? LastGapAt => Noted(GapFile);

    public void NoteUntil(DateTimeOffset at) => Note(UntilFile, at);

    public void NoteGap(DateTimeOffset at) => Note(GapFile, at);

    private void Note(string file, DateTimeOffset at) => File.WriteAllText(System.IO.Path.Combine(directory, file), at.ToString("O", CultureInfo.InvariantCulture));

    private DateTimeOffset? Noted(string file)
    {
        try
        {
            return DateTimeOffset.TryParseExact(File.ReadAllText(System.IO.Path.Combine(directory, file)), "O", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : null;
        }
        catch (Exception unread) when (IoFailure.IsKnown(unread))
        {
            return null;
        }
    }

    /// <summary>Whether a file with the name of a segment is that segment: a place holder is none, nor is one of another size.</summary>
    private bool IsWhole(WalSegment segment) =>
        ReadHead(segment) is { } head && BitConverter.ToUInt64(head, 8) == segment.Start.Value && new FileInfo(FileOf(segment)).Length == segment.Size;

    private byte[]? ReadHead(WalSegment segment)
    {
        try
        {
            using var file = File.OpenHandle(FileOf(segment));
            var head = new byte[WalPages.PageSize];
            return RandomAccess.Read(file, head, 0) == head.Length && head.AsSpan().ContainsAnyExcept((byte)0) ? head : null;
        }
        catch (FileNotFoundException)
        {
            return null; // it was removed in between
        }
    }

    private List<string> Names() => Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory).Select(file => System.IO.Path.GetFileName(file))] : [];
}
