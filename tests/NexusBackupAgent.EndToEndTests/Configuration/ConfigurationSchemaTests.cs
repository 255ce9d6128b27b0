namespace NexusBackupAgent.EndToEndTests.Configuration;

public sealed class ConfigurationSchemaTests
{
    private static readonly string Root = FindRoot();

    private static readonly string Schema = Path.Combine(Root, "docs", "nexus-backup.schema.json");

    public static TheoryData<string> Examples =>
        [.. Directory.EnumerateFiles(Path.Combine(Root, "examples"), "*.yml").Where(IsConfiguration).Select(file => Path.GetFileName(file))];

    [SkippableTheory]
    [MemberData(nameof(Examples))]
    public async Task An_example_is_valid(string example)
    {
        await SchemaValidator.RequireAsync();

        Assert.Equal("", await SchemaValidator.ValidateAsync(Schema, await File.ReadAllTextAsync(Path.Combine(Root, "examples", example))));
    }

    [SkippableTheory]
    [InlineData("sources: {s: {sqlite: a.db}}", "'stores' is a required property")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db}}\ntimezone: UTC", "'timezone' was unexpected")]
    [InlineData("stores: {a: {}}\nsources: {s: {sqlite: a.db}}", "stores/a: {} is not valid under any of the given schemas")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {store: a}}", "sources/s: {'store': 'a'} is not valid under any of the given schemas")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, store: [a, {keep: {daily: 90d}}]}}", "sources/s/store")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, directory: ../x}}", "sources/s/directory")]
    [InlineData("stores: {a: {path: x}}\nsources: {a/b: {sqlite: a.db}}", "'a/b' does not match")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, schedules: {manual: {cron: '@daily', retention: 7d}}}}", "sources/s/schedules")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, schedules: {d: {cron: '@daily'}}}}", "'retention' is a required property")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, schedules: {d: {cron: '@daily', retention: 7d, type: partial}}}}", "sources/s/schedules/d/type")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, busyTimeout: 30}}", "sources/s/busyTimeout")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, retry: {attempts: 11}}}", "sources/s/retry/attempts")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, verify: {spread: 7}}}", "sources/s/verify/spread")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, drill: {probe: {expect: '1'}}}}", "sources/s/drill/probe")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, restore: {before: systemctl stop x}}}", "sources/s/restore/before")]
    [InlineData("stores: {a: {path: x}}\nsources: {s: {sqlite: a.db, hooks: {onFailure: notify}}}", "sources/s/hooks/onFailure")]
    public async Task A_mistake_is_not(string yaml, string complaint)
    {
        await SchemaValidator.RequireAsync();

        Assert.Contains(complaint, await SchemaValidator.ValidateAsync(Schema, yaml), StringComparison.Ordinal);
    }

    /// <summary>Other tools' files may lie among the examples (a Prometheus configuration); ours name the schema.</summary>
    private static bool IsConfiguration(string file) =>
        File.ReadLines(file).FirstOrDefault()?.Contains("nexus-backup.schema.json", StringComparison.Ordinal) == true;

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "NexusBackupAgent.sln")))
            directory = directory.Parent ?? throw new DirectoryNotFoundException("The tests run inside the repository.");
        return directory.FullName;
    }
}
