using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon.S3.Model;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>The day on which the machine is gone begins with one command, and not with writing YAML.</summary>
public sealed class RecoverCommandTests : IDisposable
{
    private readonly List<Workplace> places = [];

    public void Dispose() => places.ForEach(place => place.Dispose());

    [SkippableFact]
    public async Task A_new_machine_that_has_nothing_but_the_bucket_restores_all_of_the_old_one()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var (bucket, live, snapshots) = (await gateway.NewBucketAsync(), await gateway.NewBucketAsync(), await gateway.NewBucketAsync());
        var endpoint = gateway.Endpoint.GetLeftPart(UriPartial.Authority);
        await gateway.Raw.PutObjectAsync(new PutObjectRequest { BucketName = live, Key = "写真/a.txt", ContentBody = "kept" });
        var old = NewPlace();
        old.MakeDatabase("itsm.db");
        Directory.CreateDirectory(old.In("etc/app"));
        File.WriteAllText(old.In("etc/app/a: 'b'.conf"), "answer = 42");
        WriteKeys(old, gateway);
        File.WriteAllText(old.Configuration, $$"""
            timeZone: Asia/Tokyo
            agent: none
            stores:
              local: {path: backups}
              offsite: {s3: {bucket: {{bucket}}, prefix: host a/, endpoint: "{{endpoint}}", credentials: {file: keys} } }
            sources:
              tenants: {sqlite: "its*.db", store: [local, offsite], directory: databases/all, schedules: {daily: {cron: "0 2 * * *", retention: 7d} } }
              "etc: app": {directory: etc/app, exclude: ["*.tmp"], store: [local, offsite]}
              photos: {s3: {bucket: {{live}}, endpoint: "{{endpoint}}", credentials: {file: keys}, snapshots: {bucket: {{snapshots}} } }, store: [local, offsite], directory: .}

            """);
        await DoAsync(old, "backup");
        await DoAsync(old, "copy");
        Directory.CreateDirectory(old.In("backups/junk/deep"));

        string[] access = ["--endpoint", endpoint, "--credentials-file", "keys"];
        foreach (var (address, options) in ((string, string[])[])[($"s3://{bucket}/host a", access), (old.In("backups"), [])])
        {
            foreach (var gone in (string[])["itsm.db", "itsm.db-wal", "itsm.db-shm"])
                File.Delete(old.In(gone));
            Directory.Delete(old.In("etc/app"), recursive: true);
            await gateway.Raw.DeleteObjectAsync(live, "写真/a.txt");
            var place = NewPlace();
            WriteKeys(place, gateway);
            var found = (await DoAsync(place, ["recover", address, .. options, "--json"])).Json;
            Assert.Equal(place.Configuration, Text(found, "configuration"));
            Assert.Empty(found.GetProperty("troubles").EnumerateArray());
            Assert.Equal(
                [("etc: app", "directory", "etc: app", old.In("etc/app")), ("itsm", "sqlite", "databases/all/itsm", old.In("itsm.db")), ("photos", "s3", "", $"s3://{live}/")],
                found.GetProperty("sources").EnumerateArray().Select(source => (Text(source, "source"), Text(source, "kind"), Text(source, "directory"), Text(source, "place"))));
            Assert.All(found.GetProperty("sources").EnumerateArray(), source => Assert.Equal(
                (1, Environment.MachineName, Workplace.Now), (source.GetProperty("backups").GetInt32(), Text(source, "host"), Whole(source.GetProperty("newestGood").GetProperty("capturedAt").GetDateTimeOffset()))));
            Assert.Equal($"nexus-backup restore 'etc: app' --dry-run --config {place.Configuration}", Text(found, "next")!.Replace("\"", "'", StringComparison.Ordinal));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(place.Configuration));
            Assert.DoesNotContain(gateway.User.SecretKey, await File.ReadAllTextAsync(place.Configuration), StringComparison.Ordinal);

            // it says what is missing here, and nothing else
            var check = (await DoAsync(place, "check-config", "--json")).Json;
            Assert.DoesNotContain(check.GetProperty("problems").EnumerateArray(), problem => Text(problem, "severity") == "error"); // that they are gone is why it restores
            Assert.Equal(["sources.\"etc: app\".directory", "sources.itsm.sqlite"], check.GetProperty("problems").EnumerateArray().Where(problem => Text(problem, "problem")!.Contains("does not exist", StringComparison.Ordinal)).Select(problem => Text(problem, "key")));
            Assert.Equal("nexus-backup checklist", Text(check, "next"));
            Assert.Equal(3, (await DoAsync(place, "list", "--json")).Json.GetArrayLength());
            Assert.Contains("kept until deleted by hand", (await DoAsync(place, "prune", "--dry-run")).Output, StringComparison.Ordinal);

            foreach (var source in (string[])["itsm", "etc: app", "photos"])
                await DoAsync(place, "restore", source, "--force");
            using (var connection = old.Open("itsm.db"))
            using (var command = connection.CreateCommand())
            {
                command.CommandText = "SELECT count(*) FROM incidents";
                Assert.Equal(5000L, command.ExecuteScalar());
            }

            Assert.Equal("answer = 42", await File.ReadAllTextAsync(old.In("etc/app/a: 'b'.conf")));
            using (var said = await gateway.Raw.GetObjectAsync(live, "写真/a.txt"))
            using (var reader = new StreamReader(said.ResponseStream))
                Assert.Equal("kept", await reader.ReadToEndAsync());
            await DoAsync(place, "check-config");
        }

        // what stands in the way
        var other = NewPlace();
        WriteKeys(other, gateway);
        Refuses(await other.RunAsync(["recover", $"s3://{bucket}-none", .. access]), 3, "there is no bucket");
        Refuses(await other.RunAsync(["recover", $"s3://{bucket}/other", .. access]), 6, "there is no backup in 's3://");
        Refuses(await other.RunAsync(["recover", $"s3://{bucket}", .. access]), 6, "is no store: one lies below it");
        await File.WriteAllTextAsync(other.In("keys"), $"[default]\naws_access_key_id = {gateway.User.AccessKey}\naws_secret_access_key = wrong\n");
        Refuses(await other.RunAsync(["recover", $"s3://{bucket}/host a", .. access]), 3, "does not accept the profile default");
        Refuses(await other.RunAsync("recover", $"s3://{bucket}/host a", "--endpoint", "localhost:7480"), 2, "is no address of a server");
        Refuses(await other.RunAsync("recover", "ftp://host/backups"), 2, "is no address of a store");
        Refuses(await other.RunAsync("recover", "backups", "--region", "us-east-1"), 2, "--region has no meaning");
        Assert.False(File.Exists(other.Configuration));
    }

    [Fact]
    public async Task A_recovered_configuration_is_judged_as_one_to_restore_with_until_its_sources_are_backed_up_again()
    {
        var old = NewPlace();
        old.MakeDatabase("itsm.db");
        File.WriteAllText(old.Configuration, "timeZone: Asia/Tokyo\nagent: none\nstores: {local: {path: backups}}\nsources: {itsm: {sqlite: itsm.db}}\n");
        await DoAsync(old, "backup");
        foreach (var gone in (string[])["itsm.db", "itsm.db-wal", "itsm.db-shm"])
            File.Delete(old.In(gone));
        var place = NewPlace();
        place.Clock.Set(() => Workplace.Now.AddDays(9)); // the machine is gone for a while
        await DoAsync(place, "recover", old.In("backups"));

        var check = await DoAsync(place, "check-config", "--lang", "en");
        Assert.Contains("usable, ", check.Output, StringComparison.Ordinal);
        Assert.EndsWith("next: nexus-backup checklist\n", check.Output, StringComparison.Ordinal);
        Assert.Contains("itsm.db", check.Output, StringComparison.Ordinal); // what is missing is told
        var checklist = await DoAsync(place, "checklist", "--json", "--lang", "en");
        Assert.All(checklist.Json[0].GetProperty("checks").EnumerateArray(), item => Assert.True(item.GetProperty("passed").GetBoolean(), item.ToString()));
        Assert.Equal("nexus-backup restore itsm --dry-run", Text(checklist.Json[0], "next"));
        Assert.Contains("none: this configuration is there to restore with (purpose: restore)", (await DoAsync(place, "checklist", "--lang", "en")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("agent:", await File.ReadAllTextAsync(place.Configuration), StringComparison.Ordinal); // its purpose says it
        Refuses(await place.RunAsync("run"), 2, "which is there to restore with (purpose: restore)");
        var diagnosis = (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];
        Assert.Equal(("DB", 0), (Text(diagnosis, "cause"), diagnosis.GetProperty("also").GetArrayLength()));

        await DoAsync(place, "restore", "itsm");
        Assert.StartsWith("the database is there; to back it up again, write its schedules and take purpose: restore out", Text((await DoAsync(place, "checklist", "--json", "--lang", "en")).Json[0], "next"), StringComparison.Ordinal);

        // what it is not
        Damage.FlipBit(Directory.GetFiles(old.In("backups/itsm"), "*.db.gz").Single());
        Assert.Equal(4, (await place.RunAsync("checklist")).Code);
        await File.AppendAllTextAsync(place.Configuration, "    schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}\n");
        var both = await place.RunAsync("check-config");
        Assert.Equal(2, both.Code);
        Assert.Contains("take purpose: restore out", both.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("databases/all")]
    [InlineData(null)]
    public async Task The_directory_of_a_source_is_no_store_while_the_store_is_around_it(string? directory)
    {
        var old = NewPlace();
        old.MakeDatabase("itsm.db");
        File.WriteAllText(old.Configuration, $"timeZone: Asia/Tokyo\nagent: none\nstores: {{local: {{path: backups}}}}\nsources: {{itsm: {{sqlite: itsm.db{(directory is null ? "" : $", directory: {directory}")}}}}}\n");
        await DoAsync(old, "backup");
        var part = old.In($"backups/{directory ?? "itsm"}");
        var place = NewPlace();

        Refuses(await place.RunAsync("recover", part), 6, $"no mark of a store is in '{part}', and one is around it, in '{old.In("backups")}'");
        Assert.False(File.Exists(place.Configuration));

        // what somebody copied out of it, alone
        Directory.Move(part, place.In("copied"));
        await DoAsync(place, "recover", place.In("copied"));
        Assert.Contains("directory: .", await File.ReadAllTextAsync(place.Configuration), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_file_of_the_lost_machine_is_a_line_to_look_at_and_no_key()
    {
        var old = NewPlace();
        old.MakeDatabase("itsm.db");
        File.WriteAllText(old.Configuration, "timeZone: Asia/Tokyo\nagent: none\nstores: {local: {path: backups}}\nsources: {itsm: {sqlite: itsm.db}}\n");
        await DoAsync(old, "backup");
        Rewrite(Directory.GetFiles(old.In("backups/itsm"), "*.manifest.json").Single(), json =>
        {
            json["kind"] = "postgres";
            json["origin"] = JsonNode.Parse("""{"host": "db1", "timeZone": "Asia/Tokyo", "configuration": {"postgres": "postgresql://backup@db1/shop?service=prod&sslmode=require&sslcert=/etc/pg/shop.crt&sslkey=/etc/pg/shop.key&passfile=/etc/pg/pass", "method": "physical", "passwordFile": "/etc/nexus-backup/shop.password", "serviceFile": "/etc/nexus-backup/services"}}""");
        });
        var place = NewPlace();

        await DoAsync(place, "recover", old.In("backups"));

        var text = await File.ReadAllTextAsync(place.Configuration);
        Assert.Contains("    # passwordFile: /etc/nexus-backup/shop.password\n", text, StringComparison.Ordinal);
        Assert.Contains("look whether server and file are yours", text, StringComparison.Ordinal);
        var (configuration, problems) = ConfigurationFile.Load(place.Configuration, TimeZoneInfo.Utc);
        Assert.DoesNotContain(problems, problem => problem.IsError);
        var settings = Assert.IsType<NexusBackupAgent.Sources.Postgres.PostgresSettings>(Assert.Single(configuration!.Sources).Settings);
        Assert.Equal((null, null), (settings.Credentials.PasswordFile, settings.Credentials.ServiceFile));
        Assert.Equal("postgresql://backup@db1/shop?sslmode=require", settings.Address.Written);
        Assert.Contains("    # serviceFile: /etc/nexus-backup/services\n", text, StringComparison.Ordinal);
        Assert.Matches("\n    # postgres: .*sslkey=.*passfile=", text);
    }

    [Fact]
    public async Task What_no_manifest_says_is_to_be_filled_in_and_what_can_not_be_taken_is_named()
    {
        var old = NewPlace();
        old.MakeDatabase("itsm.db");
        old.MakeDatabase("other.db");
        File.WriteAllText(old.Configuration, """
            timeZone: Asia/Tokyo
            agent: none
            stores: {local: {path: backups}}
            sources:
              itsm: {sqlite: itsm.db}
              other: {sqlite: other.db, directory: .}

            """);
        await DoAsync(old, "backup");
        var manifest = Directory.GetFiles(old.In("backups/itsm"), "*.manifest.json").Single();
        var written = await File.ReadAllBytesAsync(manifest);
        Assert.Equal(old.In("itsm.db"), Text(JsonDocument.Parse(written).RootElement.GetProperty("origin").GetProperty("configuration"), "sqlite"));
        Rewrite(manifest, json => json.Remove("origin"));
        File.WriteAllText(old.In("backups/itsm/notes.manifest.json"), "[]");
        File.WriteAllText(old.In("backups/README"), "garbage");

        var place = NewPlace();
        var found = await DoAsync(place, "recover", old.In("backups"));
        Assert.Contains("not known: fill it in", found.Output, StringComparison.Ordinal);
        Assert.Contains($"nexus-backup check-config --config {place.Configuration}", found.Output, StringComparison.Ordinal);
        Assert.Contains("'" + old.In("backups/itsm/notes.manifest.json") + "' is no manifest", found.Error, StringComparison.Ordinal);
        var problem = Assert.Single((await place.RunAsync("check-config", "--json")).Json.GetProperty("problems").EnumerateArray(), problem => Text(problem, "severity") == "error");
        Assert.Equal(("sources.itsm.sqlite", "has no value"), (Text(problem, "key"), Text(problem, "problem")));
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("    sqlite:\n", "    sqlite: here.db\n", StringComparison.Ordinal));
        await DoAsync(place, "restore", "itsm");
        Assert.True(new FileInfo(place.In("here.db")).Length > 0);
        var before = await File.ReadAllTextAsync(place.Configuration);
        Refuses(await place.RunAsync("recover", old.In("backups")), 2, "exists already, and is not overwritten");
        Assert.Equal(before, await File.ReadAllTextAsync(place.Configuration));

        // what a manifest says is believed as far as its kind says the same
        Rewrite(manifest, json => json["origin"] = JsonNode.Parse("""{"host": "db1\n  evil: true", "timeZone": "Asia/Tokyo", "configuration": {"sqlite": "/srv/x: \"y\" # {restore: no}", "hooks": {"success": {"command": "evil"}}, "busyTimeout": "0s"}}"""));
        await DoAsync(place, "recover", old.In("backups"), "--to", "forged.yml");
        var (configuration, problems) = ConfigurationFile.Load(place.In("forged.yml"), TimeZoneInfo.Utc);
        Assert.DoesNotContain(problems, problem => problem.IsError);
        Assert.Equal("/srv/x: \"y\" # {restore: no}", Assert.Single(configuration!.Sources, source => source.Name == "itsm").Settings.Shown);
        Assert.DoesNotContain("evil: true\n", await File.ReadAllTextAsync(place.In("forged.yml")), StringComparison.Ordinal);
        Assert.Contains("check-config already connects to them", await File.ReadAllTextAsync(place.In("forged.yml")), StringComparison.Ordinal);
        Assert.DoesNotContain("hooks", await File.ReadAllTextAsync(place.In("forged.yml")), StringComparison.Ordinal);

        // a newer agent wrote it
        Rewrite(manifest, json => json["formatVersion"] = 3);
        Assert.Contains("was written by a newer agent (format 3", (await DoAsync(place, "recover", old.In("backups"), "--to", "newer.yml")).Error, StringComparison.Ordinal);
        File.Delete(old.In("backups/.nexus-backup-store"));
        Directory.GetFiles(old.In("backups"), "*.manifest.json").ToList().ForEach(File.Delete);
        Refuses(await place.RunAsync("recover", old.In("backups"), "--to", "none.yml"), 4, "was written by a newer agent");
        Refuses(await place.RunAsync("recover", place.In("nowhere"), "--to", "none.yml"), 3, "nowhere");
        Assert.False(File.Exists(place.In("none.yml")));
    }

    [Theory]
    [InlineData("postgres: postgresql://backup@db.example:5433/shop%20one?sslmode=verify-full&passfile=/etc/pg%26pass\nmethod: physical\ndataDirectory: /var/lib/postgresql/15/main\n")]
    [InlineData("postgres: postgresql://backup@/shop?host=/run/postgresql&service=prod\npasswordFile: /etc/nexus-backup/shop.password\n")]
    [InlineData("directory: [/etc/a, \"/opt/b c\"]\nexclude: [\"*.tmp\"]\n")]
    [InlineData("s3: {bucket: photos, prefix: 2026/, endpoint: \"https://s3.example:7480\", region: eu-west-1, pathStyle: false, credentials: {profile: backup}, exclude: [\"a*\"], snapshots: {bucket: kept, region: eu-west-1}}\n")]
    [InlineData("sqlite: \"/srv/データ/a'b #1.db\"\n")]
    public void A_kind_writes_of_itself_what_it_reads(string keys)
    {
        var problems = new ProblemList([]);
        var settings = Bind(keys, problems);
        var origin = settings.OriginOf(settings.PlaceOf("shop"))!;
        var again = string.Join('\n', DocumentText.Lines(origin, ""));

        Assert.Empty(problems.InFileOrder());
        Assert.Equal(settings.Identify(settings.PlaceOf("shop")), Bind(again, problems).Identify(settings.PlaceOf("shop")));
        Assert.Equal(again, string.Join('\n', DocumentText.Lines(Bind(again, problems).OriginOf(settings.PlaceOf("shop"))!, "")));
        Assert.Empty(problems.InFileOrder());
        foreach (var word in ((string[])["passfile", "method: physical", "dataDirectory", "service=prod", "passwordFile", "exclude", "pathStyle", "profile", "prefix", "/opt/b c", "#1"]).Where(word => keys.Contains(word, StringComparison.Ordinal)))
            Assert.Contains(word, again, StringComparison.Ordinal);

        static ISourceSettings Bind(string text, ProblemList problems) =>
            SourceKinds.Shipped.Bind("shop", new Section("", line: 0, (MappingNode)DocumentParser.Parse(text)!, problems), "/")!;
    }

    private static void Rewrite(string manifest, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(manifest))!.AsObject();
        json.Remove("seal");
        change(json);
        var open = json.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
        File.WriteAllBytes(manifest, SealedJson.Seal(Encoding.UTF8.GetBytes(open[..^2] + ",\n")));
    }

    private static void Refuses(CommandResult result, int code, string why)
    {
        Assert.Contains(why, Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(code, result.Code);
    }

    private Workplace NewPlace()
    {
        var place = new Workplace();
        places.Add(place);
        return place;
    }

    private static void WriteKeys(Workplace place, S3Gateway gateway)
    {
        File.WriteAllText(place.In("keys"), $"[default]\naws_access_key_id = {gateway.User.AccessKey}\naws_secret_access_key = {gateway.User.SecretKey}\n");
        File.SetUnixFileMode(place.In("keys"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static async Task<CommandResult> DoAsync(Workplace place, params string[] arguments)
    {
        var result = await place.RunAsync(arguments);
        Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
        return result;
    }

    private static DateTimeOffset Whole(DateTimeOffset instant) => instant.AddTicks(-(instant.Ticks % TimeSpan.TicksPerMinute)); // the clock of a workplace runs

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
