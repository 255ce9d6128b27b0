using System.Text.Json;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>The JSON schema that editors use says what the reader says.</summary>
public sealed class ConfigurationSchemaTests
{
    private static readonly JsonElement Schema = Load();

    [Theory]
    [InlineData("", "")]
    [InlineData("log", "log")]
    [InlineData("certificate", "certificate")]
    [InlineData("users.<name>", "user")]
    [InlineData("tokens.<name>", "token")]
    [InlineData("metrics", "metrics")]
    [InlineData("metrics.auth", "metricsAuth")]
    [InlineData("metrics.auth.basic", "metricsBasic")]
    [InlineData("stores.<name>", "store")]
    [InlineData("stores.<name>.s3", "storeBucket")]
    [InlineData("stores.<name>.s3.credentials", "credentials")]
    [InlineData("sources.<name>", "source")]
    [InlineData("sources.<name>.s3", "bucket")]
    [InlineData("sources.<name>.s3.credentials", "credentials")]
    [InlineData("sources.<name>.s3.snapshots", "snapshots")]
    [InlineData("sources.<name>.s3.snapshots.credentials", "credentials")]
    [InlineData("sources.<name>.s3.verify", "readBack")]
    [InlineData("stores.<name>.bandwidth", "bandwidth")]
    [InlineData("sources.<name>.store", "storeChoice")]
    [InlineData("sources.<name>.schedules.<name>", "schedule")]
    [InlineData("sources.<name>.rpo", "rpo")]
    [InlineData("sources.<name>.retry", "retry")]
    [InlineData("sources.<name>.compression", "compression")]
    [InlineData("sources.<name>.encryption", "encryption")]
    [InlineData("sources.<name>.encryption.age", "age")]
    [InlineData("sources.<name>.verify", "verify")]
    [InlineData("sources.<name>.drill", "drill")]
    [InlineData("sources.<name>.drill.probe", "probe")]
    [InlineData("sources.<name>.restore", "restore")]
    [InlineData("sources.<name>.hooks", "hooks")]
    [InlineData("sources.<name>.hooks.onFailure", "hook")]
    [InlineData("sources.<name>.restore.health", "healthCommand")]
    public void The_schema_has_the_keys_that_the_reader_knows(string place, string definition)
    {
        var level = AgentBinder.LevelsOf(AgentKinds.Shipped).Single(level => level.Place == place);
        var schema = Level(definition);

        Assert.Equal(level.Known.Order(), schema.GetProperty("properties").EnumerateObject().Select(property => property.Name).Order());
        Assert.False(schema.GetProperty("additionalProperties").GetBoolean());
    }

    [Fact]
    public void Every_level_of_the_reader_is_compared() => Assert.Equal(32, AgentBinder.LevelsOf(AgentKinds.Shipped).Count);

    [Fact]
    public void Every_key_of_the_schema_says_what_it_is_for()
    {
        var undocumented = Levels()
            .SelectMany(level => level.GetProperty("properties").EnumerateObject())
            .Where(property => !Describes(property.Value) && !property.Value.TryGetProperty("$ref", out _))
            .Select(property => property.Name);

        Assert.Empty(undocumented);
    }

    [Fact]
    public void The_schemas_defaults_are_those_of_the_reader()
    {
        string Default(string definition, string key) => Level(definition).GetProperty("properties").GetProperty(key).GetProperty("default").ToString();
        TimeSpan Duration(string definition, string key) => DurationText.Parse(Default(definition, key));
        using var file = new SampleFile(SampleFile.Minimal);
        var configuration = file.Load().Configuration!;
        var source = configuration.Sources[0];

        Assert.Equal(configuration.Listen, new Uri(Default("", "listen")));
        Assert.Equal(configuration.StateDirectory, Path.Combine(file.Directory, Default("", "state")));
        Assert.Equal(configuration.Log.Level, Default("log", "level"));
        Assert.Equal(((SqliteSettings)source.Settings).BusyTimeout, Duration("source", "busyTimeout"));
        Assert.Equal(source.TimeLimit, Duration("source", "timeLimit"));
        Assert.Equal(source.Rpo, new RpoConfiguration(Duration("rpo", "warning"), Duration("rpo", "critical")) { Emergency = Duration("rpo", "emergency") });
        Assert.Equal(source.Retry, new RetryConfiguration(int.Parse(Default("retry", "attempts")), Duration("retry", "delay")));
        Assert.Equal($"{source.Compression.Level}", Default("compression", "level"));
        Assert.Equal("full", Default("schedule", "type"));
        Assert.Equal((source.Verify.Cron.ToString(), source.Verify.Spread), (Default("verify", "cron"), Duration("verify", "spread")));
        Assert.Equal(source.Drill.Cron.ToString(), Default("drill", "cron"));
        Assert.Equal((source.Restore.CommandTimeout, source.Restore.HealthTimeout), (Duration("restore", "commandTimeout"), Duration("restore", "healthTimeout")));
        Assert.Equal(source.Restore.HealthInsecure, bool.Parse(Default("restore", "healthInsecure")));
        Assert.Equal(source.Hooks.Timeout, Duration("hooks", "timeout"));
    }

    private static IEnumerable<JsonElement> Levels() =>
        Schema.GetProperty("definitions").EnumerateObject()
            .Select(definition => definition.Value)
            .Where(definition => definition.TryGetProperty("properties", out _))
            .Prepend(Schema);

    private static JsonElement Level(string definition) =>
        definition.Length == 0 ? Schema : Schema.GetProperty("definitions").GetProperty(definition);

    private static bool Describes(JsonElement property) =>
        property.TryGetProperty("title", out _) && (property.TryGetProperty("description", out _) || property.TryGetProperty("enum", out _));

    private static JsonElement Load()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(RepositoryFile.Find("docs/nexus-backup.schema.json")));
        return document.RootElement.Clone();
    }
}
