using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>An artifact may be written on one machine and restored on another, which has another engine.</summary>
public sealed class EngineAgreementTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableFact]
    public void Tests_run_with_both_engines_where_the_system_has_both() =>
        Need.That(GzipEngine.Available.Count == 2, "needs libdeflate (apt-get install libdeflate0)");

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(70_000)]
    [InlineData(FrameEngine.BlockSize + 3)]
    public async Task What_one_engine_wrote_the_other_reads(int length)
    {
        foreach (var content in (byte[][])[Some.Text(length), Some.Noise(length)])
        {
            foreach (var (writer, reader) in GzipEngine.Available.SelectMany(one => GzipEngine.Available.Select(other => (one, other))))
            {
                using var stored = new MemoryStream(await WriteAsync(writer, content, 6));
                using var back = new MemoryStream();
                var reading = await ArtifactReader.ReadAsync(reader, stored, back, null, CancellationToken.None);
                Assert.True(reading.EncodingFailure is null, $"{writer.Name} wrote and {reader.Name} says: {reading.EncodingFailure}");
                Assert.Equal(content, back.ToArray());
            }
        }
    }

    /// <summary>The kinds of content that differ most: rows of numbers, identifiers that never come again beside words that do, text with long repetitions, noise, and each beside another.</summary>
    [SkippableTheory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public async Task With_libdeflate_an_artifact_is_no_larger_than_gzip_of_that_level_makes_it(int level)
    {
        Need.Tool("gzip");
        var engine = GzipEngine.Available.FirstOrDefault(engine => engine.Name == "libdeflate");
        Need.That(engine is not null, "needs libdeflate (apt-get install libdeflate0)");
        var rows = await RowsAsync();
        foreach (var (name, content) in (ValueTuple<string, byte[]>[])[("rows", rows), ("events", await EventsAsync()), ("text", Prose(3 << 20)), ("noise", Some.Noise(2 << 20)), ("mixed", [.. rows, .. Prose(1 << 20)])])
        {
            await File.WriteAllBytesAsync(temp[name], content);
            var theirs = int.Parse(await Shell.BashAsync($"gzip -c -{level} '{temp[name]}' | wc -c"), System.Globalization.CultureInfo.InvariantCulture);
            var ours = (await WriteAsync(engine!, content, level)).Length;
            Assert.True(ours <= theirs, $"{name} at level {level}: {ours} bytes, gzip makes {theirs}");
        }
    }

    private static async Task<byte[]> WriteAsync(GzipEngine engine, byte[] content, int level)
    {
        using var stored = new MemoryStream();
        await ArtifactWriter.WriteAsync(engine, stored, level, (stream, token) => stream.WriteAsync(content, token).AsTask(), null, CancellationToken.None);
        return stored.ToArray();
    }

    /// <summary>A database of tickets, of some megabytes.</summary>
    private async Task<byte[]> RowsAsync()
    {
        await SqliteSamples.SqlAsync(temp["rows.db"], "CREATE TABLE readings (id INTEGER PRIMARY KEY, at INTEGER, sensor INTEGER, value REAL, note TEXT);"
            + "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
            + "INSERT INTO readings SELECT i, 1700000000 + 15 * i, (i * 7919) % 200, (i * 104729 % 1000003) / 977.0, 'INC-' || (i * 31 % 9973) FROM n;"
            + "CREATE INDEX by_sensor ON readings (sensor, at)");
        return await File.ReadAllBytesAsync(temp["rows.db"]);
    }

    /// <summary>Random identifiers and short JSON, of some megabytes.</summary>
    private async Task<byte[]> EventsAsync()
    {
        await SqliteSamples.SqlAsync(temp["events.db"], "CREATE TABLE events (id TEXT PRIMARY KEY, detail TEXT);"
            + "WITH RECURSIVE n (i, a) AS (SELECT 1, 88172645463325252 UNION ALL SELECT i + 1, (a * 69069 + 362437) & 0xfffffffffffff FROM n WHERE i < 25000)"
            + "INSERT INTO events SELECT printf('%012x-%08x-%x', a, (a >> 7) * 31 & 0xffffffff, i), json_object('user', a % 9999, 'action', substr('loginclosefetchwrite', 1 + 5 * (a / 77 % 4), 5), 'ip', '10.0.' || (a / 5 % 256) || '.' || (a / 3 % 256)) FROM n");
        return await File.ReadAllBytesAsync(temp["events.db"]);
    }

    /// <summary>Words in an order that never comes again, with phrases that do: as logs and tickets are.</summary>
    private static byte[] Prose(int length)
    {
        string[] words = ["the", "printer", "on", "floor", "three", "is", "not", "responding", "since", "Monday", "restarted", "by", "second", "level", "ログイン", "できない", "障害"];
        var random = new Random(5);
        var text = new System.Text.StringBuilder();
        while (text.Length < length)
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"2026-02-{random.Next(1, 29):00} INC-{random.Next(100_000):00000} {words[random.Next(words.Length)]} {words[random.Next(words.Length)]} status=closed assignee=user{random.Next(50)}\n");
        return System.Text.Encoding.UTF8.GetBytes(text.ToString());
    }
}
