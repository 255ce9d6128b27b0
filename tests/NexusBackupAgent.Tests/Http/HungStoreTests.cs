using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>A disk that never answers under a running agent, by a real one: the built executable and a file system with nobody behind it.</summary>
public sealed partial class HungStoreTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task The_agent_says_which_source_is_stuck_backs_up_the_others_and_ends_when_it_is_told_to()
    {
        Need.Root();
        place.MakeDatabase("other.db");
        Directory.CreateDirectory(place.In("dead"));
        Directory.CreateDirectory(place.In("tenants"));
        place.MakeDatabase("tenants/first.db");
        await File.WriteAllTextAsync(place.Configuration, """
            listen: http://127.0.0.1:0
            stores: {local: {path: backups}, dead: {path: dead}}
            sources:
              itsm: {sqlite: itsm.db, store: dead, timeLimit: 1s, retry: {attempts: 1}, schedules: {every: {cron: "*/4 * * * * *", retention: 1h}}}
              tenants: {sqlite: tenants/*.db, store: dead}
              other: {sqlite: other.db, store: local, directory: ., schedules: {every: {cron: "*/2 * * * * *", retention: 1h}}}

            """);
        using var agent = Shell.Start("bash", "-c", $"cd '{place.Path}' && exec '{Path.Combine(AppContext.BaseDirectory, "nexus-backup")}' run");
        var address = await AddressAsync(agent.StandardOutput);
        var rest = agent.StandardOutput.ReadToEndAsync();
        using var http = new HttpClient { BaseAddress = address };
        var made = await BackupsAsync(http, "itsm");
        await Eventually.TrueAsync(async () => await BackupsAsync(http, "itsm") > made, "a backup on the disk that will die"); // now, between two runs: the next one asks for the store's mark first

        using (HungFileSystem.Mount(place.In("dead")))
        {
            await Eventually.TrueAsync(async () => Source(await HealthAsync(http), "itsm").GetProperty("error").GetString()?.Contains("does not answer", StringComparison.Ordinal) == true, "the health page says so");
            await Eventually.TrueAsync(async () => await RunsAsync(http, "itsm", "failure") >= 2, "its runs fail, one after the other");
            Assert.Contains("nexus_backup_store_up{store=\"dead\"} 0", await http.GetStringAsync("metrics"), StringComparison.Ordinal);
            var before = await BackupsAsync(http, "other");
            await Eventually.TrueAsync(async () => await BackupsAsync(http, "other") >= before + 2, "further backups of the other source");

            if (TestScope.IsWhole) // the next look for new databases is up to a minute away
            {
                place.MakeDatabase("tenants/second.db");
                await Eventually.TrueAsync(async () => (await http.GetStringAsync("metrics")).Contains("{source=\"second\"", StringComparison.Ordinal), "the scheduler goes on looking for databases whose store hangs");
                before = await BackupsAsync(http, "other");
                await Eventually.TrueAsync(async () => await BackupsAsync(http, "other") > before, "another backup of the other source after that");
            }

            await Shell.RunAsync("kill", agent.Id.ToString(CultureInfo.InvariantCulture));
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            await agent.WaitForExitAsync(patience.Token);
        }

        Assert.Equal(0, agent.ExitCode);
        Assert.Contains("run_failed backup of itsm failed", await rest, StringComparison.Ordinal);
    }

    /// <returns>How many backups of the source succeeded, as <c>/metrics</c> says.</returns>
    private static Task<int> BackupsAsync(HttpClient http, string source) => RunsAsync(http, source, "success");

    private static async Task<int> RunsAsync(HttpClient http, string source, string result) =>
        int.Parse(Regex.Match(await http.GetStringAsync("metrics"), $"nexus_backup_runs_total{{source=\"{source}\",schedule=\"every\",result=\"{result}\"}} ([0-9]+)").Groups[1].Value, CultureInfo.InvariantCulture);

    private static JsonElement Source(JsonElement health, string name) => health.GetProperty("sources").EnumerateArray().Single(source => source.GetProperty("name").GetString() == name);

    private static async Task<JsonElement> HealthAsync(HttpClient http) => JsonDocument.Parse(await (await http.GetAsync("api/v1/health")).Content.ReadAsStringAsync()).RootElement;

    private static async Task<Uri> AddressAsync(StreamReader log)
    {
        while (await log.ReadLineAsync() is { } line)
        {
            if (Started().Match(line) is { Success: true } started)
                return new Uri(started.Groups[1].Value);
        }

        throw new InvalidOperationException("the agent did not start");
    }

    [GeneratedRegex("agent started: (http://[^, ]+)")]
    private static partial Regex Started();
}
