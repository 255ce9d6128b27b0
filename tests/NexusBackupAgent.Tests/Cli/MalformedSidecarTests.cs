using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>
/// Some hundred small files that are not what they should be, dozens of them in one store: each is its own backup's trouble
/// alone. Every command goes on with the others, none reads gigabytes or waits for a pipe, and nothing of them is pruned.
/// </summary>
public sealed class MalformedSidecarTests : IDisposable
{
    private const int Count = 66;
    private const int SoundEach = 6;
    private const int LinkToZeros = 3;
    private const int Huge = 4;
    private const string Probed = "SELECT count(*), sum(length(title)) FROM incidents";

    private static readonly string[] Endings = [".manifest.json", ".manifest.json", ".verification.json", ".drill.json", ".sha256"];

    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, TestScope.IsWhole ? 60 : 2)];

    [SkippableTheory]
    [MemberData(nameof(Seeds))]
    public async Task Each_is_the_trouble_of_its_own_backup_alone(int seed)
    {
        Need.Tool("mkfifo");
        var (sound, damaged) = await PlantAsync(new Random(seed));

        var list = await RunAsync("list");
        Assert.Equal(0, list.Code);
        var lines = list.Output.Split('\n').Where(line => line.StartsWith("  damaged:", StringComparison.Ordinal) || line.StartsWith("  unknown:", StringComparison.Ordinal)).ToList();
        foreach (var one in damaged.Where(one => one.IsTold && !one.Sidecar.EndsWith(".sha256", StringComparison.Ordinal)))
            Assert.True(lines.Exists(line => line.Contains(one.Sidecar, StringComparison.Ordinal)), $"{one} is not told:\n{list.Output}");
        var states = (await RunAsync("list", "--json")).Json.EnumerateArray().ToLookup(backup => Path.GetFileName(backup.GetProperty("file").GetString()!), backup => backup.GetProperty("state").GetString());
        Assert.All(sound, file => Assert.Equal("good", Assert.Single(states[file])));
        Assert.All(damaged.Where(one => !one.IsStranger), one => Assert.Single(states[one.Artifact])); // listed, whatever is said of it

        foreach (var command in (string[][])[["status"], ["status", "--json"], ["checklist"], ["diagnose"], ["report"], ["prune", "--dry-run"], ["restore", "itsm", "--dry-run"], ["check-config"]])
            await RunAsync(command);
        await ScrapeAsync();

        Assert.Equal(0, (await RunAsync("prune")).Code);
        Assert.Contains(sound, file => !File.Exists(Path.Combine(place.Store, file))); // what is past its period went
        Assert.All(damaged.Where(one => one.IsTold && (one.Sidecar.EndsWith(".manifest.json", StringComparison.Ordinal) || one.Sidecar.EndsWith(".verification.json", StringComparison.Ordinal))),
            one => Assert.True(File.Exists(Path.Combine(place.Store, one.Artifact)), one.ToString()));
        Assert.Equal(0, (await RunAsync("restore", "itsm", "--to", place.In("restored.db"))).Code);
        Assert.Equal(await SqliteSamples.SqlAsync(place.In("itsm.db"), Probed), await SqliteSamples.SqlAsync(place.In("restored.db"), Probed));

        var verify = await RunAsync("verify", "--all", "--no-replacement");
        Assert.Equal(4, verify.Code);
        foreach (var one in damaged.Where(one => one.IsTold && File.Exists(Path.Combine(place.Store, one.Artifact))))
            Assert.True(verify.Errors.Any(error => error.Contains(one.Artifact, StringComparison.Ordinal)), $"{one} is not told:\n{verify.Error}");
        Assert.All(sound, file => Assert.DoesNotContain(verify.Errors, error => error.Contains(file, StringComparison.Ordinal)));
        Assert.Equal(0, (await RunAsync("backup")).Code);
        Assert.Equal(0, (await RunAsync("restore", "itsm", "--to", place.In("again.db"))).Code);
    }

    [Fact]
    public async Task None_that_is_huge_or_never_ends_is_read_into_memory_whole()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var original = place.Artifact();
        foreach (var (number, ending) in Endings.Distinct().Index())
        {
            await SpoilAsync(await CloneAsync(original, Workplace.Now.AddHours(-12 * number - 6)), ending, LinkToZeros, new Random(number));
            await SpoilAsync(await CloneAsync(original, Workplace.Now.AddHours(-12 * number - 12)), ending, Huge, new Random(number));
        }

        // In a process of its own: what the other tests hold is not counted.
        var said = await Child.RunAsync(
            "commands-in-memory", $"{Workplace.Now:O}", place.Path, "list", "status", "checklist", "diagnose", "report", "prune", "check-config", $"restore itsm --to {place.In("restored.db")}", "verify --all --no-replacement", "backup");

        Assert.InRange(long.Parse(said, CultureInfo.InvariantCulture), 1, 1L << 30);
    }

    private async Task<CommandResult> RunAsync(params string[] arguments)
    {
        var result = await place.RunAsync(arguments).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.True(result.Code != 1 && !result.Error.Contains("unexpected", StringComparison.Ordinal), $"{string.Join(' ', arguments)}: {result.Code}\n{result.Error}");
        return result;
    }

    private async Task ScrapeAsync()
    {
        using var home = new TempDirectory();
        await Shell.RunAsync("cp", "-a", "--sparse=always", place.Store, home["backups"]); // an agent mends at once what it can
        await using var service = await RunningService.StartAsync(home, new ManualClock(Workplace.Now.AddMinutes(1)), $$"""
            stores: {local: {path: backups} }
            sources:
              itsm: {sqlite: "{{place.In("itsm.db")}}", directory: ., schedules: {daily: {cron: "0 2 * * *", retention: 7d} } }
            """);
        var metrics = await service.Http.GetStringAsync("metrics");
        Assert.Contains("nexus_backup_backups{source=\"itsm\",schedule=\"daily\",state=\"good\"}", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("nexus_backup_last_success_timestamp_seconds{source=\"itsm\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.True((await service.Http.GetAsync("api/v1/health")).IsSuccessStatusCode);
    }

    /// <param name="IsTold">Whether nobody can take it for what it should be.</param>
    /// <param name="IsStranger">Whether it may have become another source's.</param>
    private sealed record Damaged(string Artifact, string Sidecar, string What, bool IsTold, bool IsStranger);

    /// <summary>Many backups of one real one, each six hours older than the one before; most with a small file that is malformed.</summary>
    private async Task<(IReadOnlyList<string> Sound, IReadOnlyList<Damaged> Damaged)> PlantAsync(Random random)
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var original = place.Artifact();
        var (sound, damaged) = (new List<string>(), new List<Damaged>());
        for (var number = 1; number <= Count; number++)
        {
            var file = await CloneAsync(original, Workplace.Now.AddHours(-6 * number));
            if (number % SoundEach == 1)
                sound.Add(file);
            else
                damaged.Add(await SpoilAsync(file, Endings[random.Next(Endings.Length)], which: null, random));
        }

        return (sound, damaged);
    }

    private async Task<string> CloneAsync(string original, DateTimeOffset at)
    {
        var name = Path.GetFileName(original);
        var clone = $"daily_{TimeZoneInfo.ConvertTime(at, Some.Tokyo):yyyyMMdd_HHmmss}.db.gz";
        File.Copy(original, Path.Combine(place.Store, clone));
        foreach (var ending in (string[])[".manifest.json", ".verification.json", ".sha256"])
        {
            var copy = Path.Combine(place.Store, clone + ending);
            File.Copy(original + ending, copy);
            if (ending == ".sha256")
                await File.WriteAllTextAsync(copy, (await File.ReadAllTextAsync(copy)).Replace(name, clone, StringComparison.Ordinal));
            else
                await Sidecar.EditAsync(copy, text => Of(text.Replace(name, clone, StringComparison.Ordinal), at));
        }

        var id = new BackupId(JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(place.Store, clone + ".manifest.json")))!["id"]!.GetValue<string>());
        await File.WriteAllBytesAsync(Path.Combine(place.Store, clone + ".drill.json"), SealedJson.Write(new DrillResult(id, at, 1.5, Passed: true, "", []), CatalogJson.Readable.DrillResult));
        return clone;
    }

    private static string Of(string text, DateTimeOffset at)
    {
        text = text.Replace("\"manual\"", "\"daily\"", StringComparison.Ordinal);
        text = System.Text.RegularExpressions.Regex.Replace(text, @"(?<=""capturedAt"": "")[^""]+", at.ToString("O", CultureInfo.InvariantCulture));
        return System.Text.RegularExpressions.Regex.Replace(text, @"(?<=""id"": "")[^-""]+", at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture));
    }

    private async Task<Damaged> SpoilAsync(string artifact, string ending, int? which, Random random)
    {
        var path = Path.Combine(place.Store, artifact + ending);
        var text = await File.ReadAllTextAsync(path);
        var what = which ?? random.Next(24);
        switch (what)
        {
            case 0:
                File.Delete(path);
                Directory.CreateDirectory(path);
                break;
            case 1:
                File.Delete(path);
                await Shell.RunAsync("mkfifo", path);
                break;
            case 2:
                File.Delete(path);
                File.CreateSymbolicLink(path, "/not/mounted");
                break;
            case LinkToZeros:
                File.Delete(path);
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            case Huge:
                await using (var sparse = File.OpenWrite(path))
                    sparse.SetLength(6L << 30);
                break;
            case 5:
                await File.WriteAllBytesAsync(path, Some.Noise(500, random.Next()));
                break;
            case 6:
                await File.WriteAllTextAsync(path, text[..(text.Length / 2)]);
                break;
            case 7:
                await File.WriteAllTextAsync(path, new string('[', 100_000));
                break;
            case 8:
                await File.WriteAllTextAsync(path, "null");
                break;
            case 9:
                await File.WriteAllBytesAsync(path, new byte[text.Length]);
                break;
            default:
                return ending == ".sha256" ? await NameAnotherAsync(path, text, artifact) : await RewriteAsync(path, text, artifact, random);
        }

        return new Damaged(artifact, artifact + ending, $"case {what}", IsTold: true, IsStranger: false);
    }

    private static async Task<Damaged> NameAnotherAsync(string path, string text, string artifact)
    {
        await File.WriteAllTextAsync(path, text.Replace("daily_", "dbily_", StringComparison.Ordinal));
        return new Damaged(artifact, Path.GetFileName(path), "another name", IsTold: true, IsStranger: false);
    }

    /// <summary>One member of the JSON becomes something else; the seal is left, made again, or taken away.</summary>
    private static async Task<Damaged> RewriteAsync(string path, string text, string artifact, Random random)
    {
        var json = JsonNode.Parse(text)!.AsObject();
        json.Remove("seal");
        var parent = json;
        var name = json.ElementAt(random.Next(json.Count)).Key;
        if (json[name] is JsonObject { Count: > 0 } inner && random.Next(2) == 0)
            (parent, name) = (inner, inner.ElementAt(random.Next(inner.Count)).Key);
        string[] values =
        [
            "null", "true", "\"\"", "\"x\"", "0", "-1", "3", "99", "1e400", "99999999999999999999", "9223372036854775807", "1.5", "[]", "{}", "[null]", "[{}]",
            "\"9999-12-31T23:59:59Z\"", "\"0001-01-01T00:00:00Z\"", "\"2026-02-14T02:00:00+14:00\"", "\"../../../etc/passwd\"", "\"\\u001b[2J\\u0000\"", "\"\\ud800\"", $"\"{new string('z', 50_000)}\"",
            """[{"name": "../../../x", "encoding": "gzip", "content": {"length": 1, "sha256": "a"}, "stored": {"length": 1, "sha256": "a"}}]""",
        ];
        var value = values[random.Next(values.Length)];
        var was = parent[name]?.ToJsonString();
        var marker = Guid.NewGuid().ToString();
        parent[name] = marker;
        if (random.Next(6) == 0)
            (value, _) = ("(none)", parent.Remove(name));
        var open = json.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }).Replace($"\"{marker}\"", value, StringComparison.Ordinal);
        var above = open[..open.LastIndexOf("\n}", StringComparison.Ordinal)] + ",\n";
        var seal = random.Next(3);
        var bytes = seal switch
        {
            0 => Encoding.UTF8.GetBytes(above + text[text.LastIndexOf("  \"seal\"", StringComparison.Ordinal)..]), // as it was
            1 => SealedJson.Seal(Encoding.UTF8.GetBytes(above)),
            _ => Encoding.UTF8.GetBytes(open),
        };
        await File.WriteAllBytesAsync(path, bytes);
        var isManifest = path.EndsWith(".manifest.json", StringComparison.Ordinal);
        return new Damaged(artifact, Path.GetFileName(path), $"{name} = {(value.Length > 80 ? value[..80] : value)}, seal {seal}, was {was}", IsTold: seal != 1, IsStranger: isManifest && name == "source" && seal == 1);
    }
}
