using System.Text;
using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>Has <c>pg_restore</c> read a stored dump to its end, and counts the rows that come out.</summary>
internal static class ArchiveReader
{
    private const int BufferSize = 1 << 17;

    /// <returns>What is wrong with it; null when it is whole and holds as many rows as there were.</returns>
    public static async Task<string?> CheckAsync(StoredLink link, DatabaseContents? contents, PostgresToolFile tool, CancellationToken cancellationToken)
    {
        var rows = new RowCounter();
        var end = await RunAsync(link, tool, ["--data-only", "--file=-"], access: null, output => rows.ReadAsync(output, cancellationToken), cancellationToken);
        return end.ExitCode != 0 ? $"{end.Failure} while it read the dump" : contents is null ? null : Difference(contents.Tables, rows.Counts);
    }

    /// <summary>Feeds a stored dump to <c>pg_restore</c>.</summary>
    /// <exception cref="DamagedLinkException">It is not what was stored, whatever the tool says.</exception>
    public static async Task<PostgresToolEnd> RunAsync(
        StoredLink link, PostgresToolFile tool, IReadOnlyList<string> arguments, PostgresToolAccess? access, Func<Stream, Task> read, CancellationToken cancellationToken)
    {
        await using var process = PostgresTool.Start(tool, arguments, access);
        var reading = read(process.Output);
        await using (var input = new ForgivingStream(process.Input))
            await link.CopyContentAsync(input, cancellationToken);
        await reading;
        return await process.EndAsync(cancellationToken);
    }

    /// <summary>The first table that has other rows than there were; null when none has.</summary>
    public static string? Difference(IReadOnlyList<TableRows> expected, IReadOnlyDictionary<string, long> found)
    {
        var wrong = expected.FirstOrDefault(table => found.GetValueOrDefault(table.Quoted) != table.Rows);
        return wrong is null ? null : $"table {wrong.Quoted} has {found.GetValueOrDefault(wrong.Quoted)} rows in the dump and had {wrong.Rows} in the database at that instant";
    }

    /// <summary>A tool that has enough, or fails, closes its input: that is told by its end, and the rest is read for its digest.</summary>
    private sealed class ForgivingStream(Stream inner) : ForwardWriteStream
    {
        private bool isClosed;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (isClosed)
                return;
            try
            {
                await inner.WriteAsync(buffer, cancellationToken);
            }
            catch (IOException)
            {
                isClosed = true;
            }
        }

        public override async ValueTask DisposeAsync()
        {
            try
            {
                await inner.DisposeAsync();
            }
            catch (IOException)
            {
                // What it was to be told last, it does not want to know.
            }

            await base.DisposeAsync();
        }
    }
}

/// <summary>Counts the rows of each table in the SQL that <c>pg_restore --data-only</c> writes: <c>COPY "s"."t" (…) FROM stdin;</c>, a line for each row, <c>\.</c></summary>
internal sealed class RowCounter
{
    private static readonly byte[] Begin = "COPY "u8.ToArray();
    private static readonly byte[] Last = " FROM stdin;"u8.ToArray();

    private readonly Dictionary<string, long> counts = new(StringComparer.Ordinal);
    private readonly List<byte> line = []; // the part of a line that the buffer's end cut off, or a name with a line break in it
    private string? table;
    private long rows;
    private int dots; // how much of a line that may be the last one was seen; -1: it is a row

    /// <summary>By quoted name.</summary>
    public IReadOnlyDictionary<string, long> Counts => counts;

    public async Task ReadAsync(Stream sql, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 17];
        while (await sql.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            Take(buffer.AsSpan(0, read));
    }

    public void Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (table is null)
                bytes = TakeStatement(bytes);
            else
                bytes = TakeRows(bytes);
        }
    }

    private ReadOnlySpan<byte> TakeStatement(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        line.AddRange(end < 0 ? bytes : bytes[..end]);
        if (end < 0)
            return [];
        var whole = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(line);
        if (!whole.StartsWith(Begin))
            line.Clear();
        else if (whole.EndsWith(Last))
        {
            table = NameIn(Encoding.UTF8.GetString(whole[Begin.Length..]));
            (rows, dots) = (0, 0);
            line.Clear();
        }
        else
            line.Add((byte)'\n'); // a name goes on in the next line

        return bytes[(end + 1)..];
    }

    private ReadOnlySpan<byte> TakeRows(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        var part = end < 0 ? bytes : bytes[..end];
        foreach (var letter in part)
        {
            if (dots < 0)
                break;
            dots = (dots, letter) switch { (0, (byte)'\\') => 1, (1, (byte)'.') => 2, _ => -1 };
        }

        if (end < 0)
            return [];
        if (dots == 2)
        {
            counts[table!] = counts.GetValueOrDefault(table!) + rows;
            table = null;
        }
        else
            rows++;
        dots = 0;
        return bytes[(end + 1)..];
    }

    /// <summary>The table's name as it is quoted: it ends before the columns.</summary>
    private static string NameIn(string statement)
    {
        var (isQuoted, at) = (false, 0);
        for (; at < statement.Length && (isQuoted || statement[at] != ' '); at++)
            isQuoted ^= statement[at] == '"';
        return statement[..at];
    }
}
