using System.Text.Json;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>A source with a second store, by the command line alone: copied, told, restored from when the first one is bad or away, and caught up after an outage.</summary>
public sealed class CopyCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public CopyCommandTests()
    {
        Directory.CreateDirectory(Offsite);
        var text = File.ReadAllText(place.Configuration)
            .Replace("  local: {path: backups}\n", "  local: {path: backups}\n  offsite: {path: offsite, offsite: true}\n", StringComparison.Ordinal)
            .Replace("    directory: .\n", "    directory: .\n    store: [local, {store: offsite, keep: {daily: 90d}}]\n", StringComparison.Ordinal);
        File.WriteAllText(place.Configuration, text);
    }

    private string Offsite => place.In("offsite");

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_backup_is_copied_as_standard_tools_read_it_and_every_screen_says_where_it_is()
    {
        var backup = await place.RunAsync("backup");

        Assert.Equal((0, ""), (backup.Code, backup.Error));
        Assert.Contains("1 copied to offsite", backup.Output, StringComparison.Ordinal);
        Assert.Equal("OK", await Shell.BashAsync($"cd '{Offsite}' && sha256sum --quiet -c *.sha256 && gunzip -t *.db.gz && gunzip -c *.db.gz > ../copy.db && sqlite3 ../copy.db 'PRAGMA integrity_check' | tr a-z A-Z"));
        Assert.Equal(["local", "offsite"], Strings((await place.RunAsync("list", "--json")).Json[0].GetProperty("stores")));
        Assert.Contains("good in", (await place.RunAsync("list")).Output, StringComparison.Ordinal);
        var copies = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("copies")[0];
        Assert.Equal(("offsite", 1, 0), (copies.GetProperty("store").GetString(), copies.GetProperty("backups").GetInt32(), copies.GetProperty("owed").GetInt32()));
        Assert.Contains("store offsite has all backups it keeps, the newest of ", Unwrapped((await place.RunAsync("status")).Output), StringComparison.Ordinal);
        var rule = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("threeTwoOne");
        Assert.Equal((false, 3, 1, 1), (rule.GetProperty("met").GetBoolean(), rule.GetProperty("copies").GetInt32(), rule.GetProperty("media").GetInt32(), rule.GetProperty("offsite").GetInt32())); // one disk
        Assert.Contains("3-2-1 is not met: 3 copies with the live one, on 1 medium, 1 off site", Unwrapped((await place.RunAsync("check-config")).Error + (await place.RunAsync("check-config")).Output), StringComparison.Ordinal);
        Assert.Contains("格納先 offsite: コピー済み", (await place.RunAsync("status", "--lang", "ja")).Output, StringComparison.Ordinal);
        Assert.Contains("offsite has all backups", (await place.RunAsync("copy", "itsm")).Output, StringComparison.Ordinal);
        var metrics = (await place.RunAsync("metrics")).Output;
        Assert.All(
            [
                "nexus_backup_store_backups{source=\"itsm\",store=\"local\",state=\"good\"} 1\n", "nexus_backup_store_backups{source=\"itsm\",store=\"offsite\",state=\"good\"} 1\n",
                "nexus_backup_store_owed_backups{source=\"itsm\",store=\"offsite\"} 0\n", "nexus_backup_copies_total{source=\"itsm\",store=\"offsite\",result=\"success\"} 1\n",
                "nexus_backup_store_owed_since_timestamp_seconds{source=\"itsm\",store=\"offsite\"} 0\n", "nexus_backup_store_up{store=\"offsite\"} 1\n", "nexus_backup_three_two_one{source=\"itsm\"} 0\n",
            ],
            line => Assert.Contains(line, metrics, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_restore_takes_the_next_store_when_the_first_is_corrupt_or_away()
    {
        await place.RunAsync("backup");
        Damage.FlipBit(place.Artifact());

        var corrupt = await place.RunAsync("restore", "itsm", "--to", place.In("a.db"), "--json");

        Assert.Equal(("restored", "offsite"), (corrupt.Json.GetProperty("result").GetString(), corrupt.Json.GetProperty("store").GetString()));
        Assert.Contains("from store offsite", corrupt.Json.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(corrupt.Json.GetProperty("passedOver").EnumerateArray());
        Directory.Move(place.Store, place.In("unmounted"));

        var away = await place.RunAsync("restore", "itsm", "--to", place.In("b.db"), "--json");

        Assert.Equal((0, "restored", "offsite"), (away.Code, away.Json.GetProperty("result").GetString(), away.Json.GetProperty("store").GetString()));
        Assert.Contains("from store offsite, because store 'local' does not exist", away.Json.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllBytesAsync(place.In("a.db")), await File.ReadAllBytesAsync(place.In("b.db")));
        Assert.Equal("5000", await Shell.BashAsync($"sqlite3 '{place.In("b.db")}' 'SELECT count(*) FROM incidents'"));
    }

    [Fact]
    public async Task Copies_are_listed_read_back_and_practised_with_by_the_name_of_their_store()
    {
        await place.RunAsync("backup");
        Directory.Move(place.Store, place.In("unmounted"));
        foreach (var command in (string[])["list", "verify", "drill"])
        {
            var refused = await place.RunAsync(command, "itsm");
            Assert.NotEqual(0, refused.Code);
            Assert.Contains($"nexus-backup {command} 'itsm' --store 'offsite' takes the copies", refused.Error, StringComparison.Ordinal);
        }

        var copies = await place.RunAsync("list", "--store", "offsite", "--json");
        Assert.Equal(("good", Offsite), (copies.Json[0].GetProperty("state").GetString(), Path.GetDirectoryName(copies.Json[0].GetProperty("file").GetString())));
        Assert.Equal(0, (await place.RunAsync("verify", "--all", "--store", "offsite")).Code);
        Assert.Equal(0, (await place.RunAsync("drill", "itsm", "--store", "offsite")).Code);
        Assert.Contains("nexus_backup_drills_total{source=\"itsm\",result=\"success\"} 0\n", (await place.RunAsync("metrics")).Output, StringComparison.Ordinal); // of the first store
        Assert.DoesNotContain("no backup can be restored", (await place.RunAsync("diagnose")).Output, StringComparison.Ordinal);

        Damage.FlipBit(Assert.Single(Directory.GetFiles(Offsite, "*.db.gz")));
        var corrupt = await place.RunAsync("verify", "--store", "offsite");
        Assert.Equal(4, corrupt.Code);
        Assert.Contains("nexus-backup list 'itsm' --store 'offsite'; copy it anew from the other store: nexus-backup copy 'itsm'", Unwrapped(corrupt.Error), StringComparison.Ordinal);
        Assert.Contains("nexus-backup copy 'itsm'", (await place.RunAsync("drill", "itsm", "--store", "offsite")).Error, StringComparison.Ordinal);
        Assert.Contains("nexus-backup copy 'itsm'", (await place.RunAsync("verify", "itsm", "--store", "offsite")).Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Offsite, "*.db.gz")); // set aside, and no run replaces a copy
        Assert.Contains("did you mean 'offsite'?", (await place.RunAsync("list", "--store", "ofsite")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_stored_bytes_of_a_copy_are_read_and_its_next_step_names_its_store()
    {
        await place.RunAsync("backup");
        var (first, copy) = (place.Artifact(), Assert.Single(Directory.GetFiles(Offsite, "*.db.gz")));
        File.Delete(copy + ".verification.json");

        var sound = await place.RunAsync("verify", "--store", "offsite", "--stored-bytes", "--json");

        var id = sound.Json[0].GetProperty("id").GetString();
        Assert.EndsWith($"nobody has proven yet: nexus-backup verify {id} --store 'offsite'", sound.Json[0].GetProperty("checks")[0].GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, sound.Code);
        Damage.FlipBit(copy);

        var damaged = await place.RunAsync("verify", "--store", "offsite", "--all", "--stored-bytes");

        Assert.Equal(4, damaged.Code);
        Assert.Contains($"it is kept as '{copy}.bad'", Unwrapped(damaged.Error), StringComparison.Ordinal);
        Assert.True(File.Exists(first));
        Assert.Equal(0, (await place.RunAsync("verify", "--all", "--stored-bytes")).Code);
    }

    [Fact]
    public async Task A_source_that_is_named_is_not_left_out_for_another_store()
    {
        Directory.CreateDirectory(place.In("logs"));
        await File.WriteAllTextAsync(place.In("logs/app.log"), "started");
        await File.AppendAllTextAsync(place.Configuration, $"  logs:\n    directory: {place.In("logs")}\n    store: local\n    schedules:\n      daily: {{cron: \"0 2 * * *\", retention: 7d}}\n");
        Assert.Equal(0, (await place.RunAsync("backup")).Code);

        foreach (var command in (string[][])[["list", "logs"], ["verify", "itsm", "logs"], ["drill", "itsm", "logs"]])
        {
            var refused = await place.RunAsync([.. command, "--store", "offsite"]);
            Assert.Equal(6, refused.Code);
            Assert.Contains("source 'logs' is not kept in store 'offsite'", refused.Error, StringComparison.Ordinal);
            Assert.Contains("its stores are: local", refused.Error, StringComparison.Ordinal);
        }

        Assert.Equal(0, (await place.RunAsync("verify", "--store", "offsite")).Code); // all that are there
    }

    [Fact]
    public async Task What_is_corrupt_in_the_first_store_is_brought_back_from_the_copy_in_zstd()
    {
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("    directory: .\n", "    directory: .\n    compression: zstd\n", StringComparison.Ordinal));
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var artifact = Assert.Single(Directory.GetFiles(place.Store, "*.db.zst"));
        var before = await File.ReadAllBytesAsync(artifact);
        Assert.Equal(before, await File.ReadAllBytesAsync(Assert.Single(Directory.GetFiles(Offsite, "*.db.zst"))));
        Damage.FlipBit(artifact);

        var verify = await place.RunAsync("verify");

        Assert.Equal(4, verify.Code);
        Assert.Contains("is whole again, from its copy in store 'offsite'", verify.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("no new backup", verify.Output + verify.Error, StringComparison.Ordinal); // none is needed
        Assert.Equal(before, await File.ReadAllBytesAsync(artifact));
        Assert.Single(Directory.GetFiles(place.Store, "*.db.zst.bad"));
        Assert.Equal(0, (await place.RunAsync("verify", "itsm")).Code);
    }

    [Fact]
    public async Task Files_of_a_copy_are_listed_and_compared_while_the_first_store_is_away()
    {
        Directory.CreateDirectory(place.In("docs"));
        await File.WriteAllTextAsync(place.In("docs/app.conf"), "backed up");
        await File.WriteAllTextAsync(place.Configuration, $$"""
            stores:
              local: {path: backups}
              offsite: {path: offsite, offsite: true}
            sources:
              docs:
                directory: {{place.In("docs")}}
                store: [local, offsite]
                schedules:
                  daily: {cron: "0 2 * * *", retention: 7d}

            """);
        await place.RunAsync("backup");
        var id = (await place.RunAsync("list", "--json")).Json[0].GetProperty("id").GetString()!;
        Directory.Move(place.Store, place.In("unmounted"));
        await File.WriteAllTextAsync(place.In("docs/app.conf"), "changed since");

        var contents = await place.RunAsync("list", "--contents", id);
        Assert.Contains("docs/app.conf", contents.Output, StringComparison.Ordinal);
        var plan = await place.RunAsync("restore", "docs", "--dry-run", "--json");
        Assert.Equal((0, 0), (contents.Code, plan.Code));
        Assert.Contains("docs/app.conf", plan.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outage_fails_no_backup_is_told_everywhere_and_caught_up()
    {
        await place.RunAsync("backup");
        Directory.Move(Offsite, place.In("unmounted"));

        var backup = await place.RunAsync("backup");

        Assert.Equal(0, backup.Code);
        Assert.Contains("'itsm' is backed up, but not copied to store 'offsite'", backup.Error, StringComparison.Ordinal);
        Assert.Equal(3, (await place.RunAsync("copy", "--json")).Code);
        var status = Unwrapped((await place.RunAsync("status")).Output);
        Assert.Contains("store offsite can't be read: store 'offsite' does not exist", status, StringComparison.Ordinal);
        await AwayIsToldEverywhereAsync("store offsite cannot be used or cannot be written: store 'offsite' does not exist", "findmnt -T ");
        Directory.Move(place.In("unmounted"), Offsite);
        Assert.Contains("store offsite lacks 1 backup;", Unwrapped((await place.RunAsync("status")).Output), StringComparison.Ordinal);

        var caughtUp = (await place.RunAsync("copy", "--json")).Json[0];

        Assert.Equal(("success", 1), (caughtUp.GetProperty("result").GetString(), caughtUp.GetProperty("copied").GetArrayLength()));
        Assert.Equal(2, Directory.GetFiles(Offsite, "*.db.gz").Length);
    }

    [Fact]
    public async Task A_store_that_was_emptied_is_not_taken_for_a_new_one()
    {
        await place.RunAsync("backup");
        Directory.Move(Offsite, place.In("unmounted"));
        Directory.CreateDirectory(Offsite); // its mount point

        var copy = await place.RunAsync("copy");

        Assert.Equal(3, copy.Code);
        Assert.Contains("store 'offsite'", copy.Errors[0], StringComparison.Ordinal);
        Assert.Contains("is not the one that its backups were kept in", copy.Errors[0], StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Offsite));
        await AwayIsToldEverywhereAsync("store offsite is not the one that its copies were kept in", "findmnt -T ");
    }

    [Fact]
    public async Task A_first_store_that_lost_everything_is_told_of_its_copies_and_gets_them_back_once_its_disk_is_accepted()
    {
        await place.RunAsync("backup");
        await place.RunAsync("backup");
        Directory.Move(place.Store, place.In("broken"));
        Directory.CreateDirectory(place.Store); // the mount point, or the new disk: nobody can tell yet
        const string Held = "store offsite has 2 good";

        Assert.Contains($"{Held}; nexus-backup list 'itsm' --store 'offsite' lists them, nexus-backup copy 'itsm' brings them back", Unwrapped((await place.RunAsync("list", "--lang", "en")).Output), StringComparison.Ordinal);
        Assert.Contains($"L3 itsm: its store is not the one that its backups were kept in; {Held} backups, the newest of ", (await place.RunAsync("status", "--check", "--lang", "en")).Output, StringComparison.Ordinal);
        Assert.Contains("has 2 good backups that the first store lost", Unwrapped((await place.RunAsync("status", "--lang", "en")).Output), StringComparison.Ordinal);
        var found = (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];
        Assert.Contains("Store offsite has 2 good backups", found.GetProperty("evidence").GetString(), StringComparison.Ordinal);
        Assert.Contains("nexus-backup copy itsm", Strings(found.GetProperty("next")));
        Assert.Contains(Held, (await place.RunAsync("checklist", "--json", "--lang", "en")).Json[0].GetProperty("checks")[1].GetProperty("measured").GetString(), StringComparison.Ordinal);
        Assert.Contains(" in store offsite: ", Unwrapped((await place.RunAsync("restore", "itsm", "--to", place.In("look.db"))).Output), StringComparison.Ordinal);
        var refused = await place.RunAsync("copy");
        Assert.Equal(3, refused.Code);
        Assert.Contains("store 'local'", refused.Errors[0], StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(place.Store)); // the disk may be missing alone

        await Shell.RunAsync("install", "-m", "644", "/dev/null", place.In("state/store-marks/local"));
        place.Clock.Set(place.Clock.GetUtcNow().AddSeconds(1)); // no disk is lost and replaced in one, and files have the name of theirs
        Assert.Equal(0, (await place.RunAsync("backup")).Code); // the agent goes on at once
        var returned = await place.RunAsync("copy", "--json");

        Assert.Equal(0, returned.Code);
        var first = returned.Json[0];
        Assert.Equal(("local", "offsite", 2), (first.GetProperty("store").GetString(), first.GetProperty("from").GetString(), first.GetProperty("copied").GetArrayLength()));
        Assert.Equal(3, (await place.RunAsync("list", "--json")).Json.GetArrayLength());
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
        foreach (var artifact in Directory.GetFiles(place.In("broken"), "*.db.gz"))
            Assert.Equal(await File.ReadAllBytesAsync(artifact), await File.ReadAllBytesAsync(Path.Combine(place.Store, Path.GetFileName(artifact))));

        var unwanted = Path.GetFileName((await place.RunAsync("list", "--json")).Json[0].GetProperty("file").GetString()!); // the only one that was made since
        foreach (var file in Directory.GetFiles(place.Store, unwanted + "*"))
            File.Delete(file);
        Assert.Equal(0, (await place.RunAsync("verify", "itsm", "--accept-lost")).Code); // on purpose
        Assert.DoesNotContain("brought back", (await place.RunAsync("copy")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_somebody_deleted_from_the_first_store_comes_back_from_the_copy_until_that_is_accepted()
    {
        await place.RunAsync("backup", "--type", "full");
        await ChangeAsync();
        var full = (await place.RunAsync("list", "--json")).Json[1];
        DeleteAll(full.GetProperty("file").GetString()!);
        var lost = await place.RunAsync("verify", "--all");
        Assert.Equal(4, lost.Code);
        Assert.Contains("nexus-backup copy itsm brings back what a further store has", lost.Flat(), StringComparison.Ordinal);

        var status = Unwrapped((await place.RunAsync("status", "--lang", "en")).Output);
        Assert.Contains("store offsite has 1 good backup that the first store lost", status, StringComparison.Ordinal);
        Assert.Contains("nexus-backup copy itsm", status, StringComparison.Ordinal);
        Assert.Equal("nexus-backup copy itsm", Strings((await place.RunAsync("diagnose", "--json")).Json[0].GetProperty("next")).First());
        var returned = (await place.RunAsync("copy", "--json")).Json[0];

        Assert.Equal(("local", "offsite", 1), (returned.GetProperty("store").GetString(), returned.GetProperty("from").GetString(), returned.GetProperty("copied").GetArrayLength()));
        Assert.Equal(["good", "good"], (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("state").GetString()));
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
        Assert.DoesNotContain("lost", (await place.RunAsync("status", "--lang", "en")).Output, StringComparison.Ordinal);

        await ChangeAsync();
        var files = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("file").GetString()!).ToList();
        File.Delete(files[0] + ".manifest.json"); // the newest increment's alone
        Assert.Contains("store offsite has 1 good backup that the first store lost", Unwrapped((await place.RunAsync("status", "--lang", "en")).Output), StringComparison.Ordinal);
        Assert.Equal(1, (await place.RunAsync("copy", "--json")).Json[0].GetProperty("copied").GetArrayLength());
        Assert.Equal(3, await GoodAsync());

        DeleteAll(files[1]);
        DeleteAll(files[2]);
        Assert.Equal(0, (await place.RunAsync("verify", "itsm", "--accept-lost")).Code); // what is left needs them all the same
        Assert.Equal(2, (await place.RunAsync("copy", "--json")).Json[0].GetProperty("copied").GetArrayLength());
        Assert.Equal(3, await GoodAsync());

        await place.RunAsync("backup", "--type", "full");
        DeleteAll((await place.RunAsync("list", "--json")).Json[0].GetProperty("file").GetString()!);
        Assert.Equal(0, (await place.RunAsync("verify", "itsm", "--accept-lost")).Code);
        Assert.Equal(0, (await place.RunAsync("copy")).Code);
        Assert.Equal(3, (await place.RunAsync("list", "--json")).Json.GetArrayLength());

        async Task ChangeAsync()
        {
            using (var connection = place.Open("itsm.db"))
                Workplace.Execute(connection, "UPDATE incidents SET token = hex(randomblob(32)) WHERE id = 7");
            Assert.Equal(0, (await place.RunAsync("backup", "--type", "incremental")).Code);
        }

        async Task<int> GoodAsync() => (await place.RunAsync("list", "--json")).Json.EnumerateArray().Count(backup => backup.GetProperty("state").GetString() == "good");

        static void DeleteAll(string artifact)
        {
            foreach (var file in Directory.GetFiles(Path.GetDirectoryName(artifact)!, Path.GetFileName(artifact) + "*"))
                File.Delete(file);
        }
    }

    [Fact]
    public async Task A_base_that_lost_its_manifest_is_no_checksum_mismatch_and_comes_back_from_the_copy()
    {
        await place.RunAsync("backup", "--type", "full");
        using (var connection = place.Open("itsm.db"))
            Workplace.Execute(connection, "UPDATE incidents SET token = hex(randomblob(32)) WHERE id = 7");
        await place.RunAsync("backup", "--type", "incremental");
        var full = Path.GetFileName(Assert.Single(Directory.GetFiles(place.Store, "*.db.gz")));
        File.Delete(Path.Combine(place.Store, full + ".manifest.json"));

        var (found, steps) = await DiagnoseAsync();

        Assert.Equal("A", found.GetProperty("cause").GetString());
        Assert.DoesNotContain("mismatch", found.ToString(), StringComparison.Ordinal);
        Assert.Contains($"its file {full} is there, its manifest {full}.manifest.json alone is missing or damaged; a good copy is in store offsite", steps["A"], StringComparison.Ordinal);
        Assert.Equal("nexus-backup copy itsm", Strings(found.GetProperty("next")).First());

        await place.RunAsync("verify", "--all"); // takes the file for one that somebody made by hand
        (found, steps) = await DiagnoseAsync();
        Assert.Contains($"its file {full} is there", steps["3L"], StringComparison.Ordinal);
        var next = Strings(found.GetProperty("next")).ToList();
        Assert.InRange(next.IndexOf("nexus-backup copy itsm"), 0, next.FindIndex(command => command!.Contains("--accept-lost", StringComparison.Ordinal)) - 1);

        Assert.Equal(0, (await place.RunAsync("copy", "itsm")).Code); // as it says
        (found, steps) = await DiagnoseAsync();
        Assert.DoesNotContain("nexus-backup copy itsm", Strings(found.GetProperty("next")));
        Assert.NotEqual("A", found.GetProperty("cause").GetString());
        Assert.DoesNotContain("3L", steps.Keys);

        async Task<(JsonElement Found, Dictionary<string, string> Steps)> DiagnoseAsync()
        {
            var diagnosis = (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];
            return (diagnosis, diagnosis.GetProperty("steps").EnumerateArray().Where(step => step.GetProperty("step").GetString() != "3S").ToDictionary(step => step.GetProperty("step").GetString()!, step => step.GetProperty("evidence").GetString()!));
        }
    }

    [Fact]
    public async Task Where_another_disk_lies_in_the_place_of_the_first_store_its_acceptance_is_told_before_what_needs_it()
    {
        await place.RunAsync("backup");
        Directory.Move(place.Store, place.In("broken"));
        Directory.CreateDirectory(place.Store);
        var accept = $"install -m 644 /dev/null '{place.In("state/store-marks/local")}'";

        var next = Strings((await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0].GetProperty("next")).ToList();
        var accepting = next.FindIndex(command => command!.StartsWith(accept, StringComparison.Ordinal));
        Assert.Contains("# only if what lies there now is to be store local from now on", next[accepting], StringComparison.Ordinal);
        Assert.Equal(["nexus-backup copy itsm", "nexus-backup backup itsm"], next.Skip(accepting + 1).Take(2));
        Assert.Contains($"next: {accept} && nexus-backup copy itsm # only if", Unwrapped((await place.RunAsync("status", "--lang", "en")).Output), StringComparison.Ordinal);

        foreach (var command in next.Skip(accepting).Take(2)) // as it is pasted
            Assert.Equal(0, command!.StartsWith("install", StringComparison.Ordinal) ? (await Shell.BashAsync(command)).Length : (await place.RunAsync(command.Split(' ')[1..])).Code);
        Assert.Single(Directory.GetFiles(place.Store, "*.db.gz"));
    }

    [Theory]
    [InlineData("away")]
    [InlineData("another")]
    [InlineData("full")]
    public async Task A_store_of_copies_that_is_lost_is_a_cause_with_a_step_of_its_own_beside_a_stopped_agent(string what)
    {
        await place.RunAsync("backup");
        if (what != "full")
            Directory.Move(Offsite, place.In("unmounted"));
        if (what == "another")
            Directory.CreateDirectory(Offsite);
        var seen = await ObserveAsync();
        if (what == "full")
            seen = seen with { State = seen.State with { Copies = [.. seen.State.Copies.Select(copy => Full(seen.State, copy))] } };
        var (cause, next) = what switch
        {
            "full" => (Cause.Disk, (string[])[$"df -h {Offsite}", "nexus-backup list itsm --store offsite", "nexus-backup copy itsm"]),
            "away" => (Cause.Permission, [$"findmnt -T {Offsite}", "nexus-backup copy itsm"]),
            _ => (Cause.Permission, [$"findmnt -T {Offsite}", $"install -m 644 /dev/null '{place.In("state/store-marks/offsite")}'   # only if what lies there now is to be store offsite from now on", "nexus-backup copy itsm"]),
        };

        var never = Flowchart.Walk(seen, new Commands(configuration: null));
        var stopped = Flowchart.Walk(seen with { Agent = seen.Agent with { LastBeat = seen.Now.AddHours(-1) } }, new Commands(configuration: null));

        Assert.Equal([cause, Cause.Scheduler], never.Findings.Select(finding => finding.Cause)); // that no agent ever ran here asks for nobody
        Assert.Equal([Cause.Scheduler, cause], stopped.Findings.Select(finding => finding.Cause));
        foreach (var diagnosis in (IEnumerable<Diagnosis>)[never, stopped])
        {
            var found = diagnosis.Findings.Single(finding => finding.Cause == cause);
            Assert.Contains("offsite", found.Evidence.English, StringComparison.Ordinal);
            Assert.Equal(next, found.Next);
            Assert.Subset(diagnosis.Next.ToHashSet(StringComparer.Ordinal), next.ToHashSet(StringComparer.Ordinal));
            Assert.Equal(("store offsite", (bool?)false, found.Evidence), diagnosis.Steps.Where(step => step.Number == "3S").Select(step => (step.Question.English, step.Passed, step.Evidence)).Single());
        }
    }

    private static CopyState Full(SourceState source, CopyState copy) =>
        new(source.Source.Source, source.Source.Source.Copies[0], source.Listing, source.Now) { Store = copy.Store with { Space = new StoreSpace(1000, 50, 50), Medium = "another disk" }, Listing = copy.Listing };

    private async Task<Observation> ObserveAsync()
    {
        var (configuration, _) = ConfigurationFile.Load(place.Configuration, TimeZoneInfo.Utc);
        using var session = await CommandSession.OpenAsync(configuration!, new Terminal(TextWriter.Null, TextWriter.Null, outputIsWatched: false, errorIsWatched: false), place.Clock, false);
        return await session.Agent.Observer.ObserveAsync(await session.Agent.States.ReadAsync(CancellationToken.None), session.Agent.Roster.Current.Single(), evenStale: false, progress: null, CancellationToken.None);
    }

    /// <summary>Backups are made as before, and the copies are as much in danger as anybody who reads any of these has to know.</summary>
    private async Task AwayIsToldEverywhereAsync(string reason, string next)
    {
        using (var state = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            state.Beat(place.Clock.GetUtcNow());
        var check = await place.RunAsync("status", "--check", "--lang", "en");
        Assert.Equal(3, check.Code);
        Assert.Contains($"L2 itsm: {reason}", check.Output, StringComparison.Ordinal);
        var source = (await place.RunAsync("status", "--json", "--lang", "en")).Json.GetProperty("sources")[0];
        Assert.Equal("L2", source.GetProperty("level").GetString());
        Assert.False(source.GetProperty("threeTwoOne").GetProperty("met").GetBoolean());
        var diagnosis = await place.RunAsync("diagnose", "--json", "--lang", "en");
        Assert.Contains(reason, diagnosis.Output, StringComparison.Ordinal);
        Assert.Equal("L2", diagnosis.Json[0].GetProperty("level").GetString());
        var checklist = await place.RunAsync("checklist", "--json", "--lang", "en");
        var disk = checklist.Json[0].GetProperty("checks")[5];
        Assert.Equal((3, false), (checklist.Code, disk.GetProperty("passed").GetBoolean()));
        Assert.StartsWith(reason, disk.GetProperty("measured").GetString(), StringComparison.Ordinal);
        Assert.StartsWith(next, disk.GetProperty("next").GetString(), StringComparison.Ordinal);
        Assert.Contains(reason, (await place.RunAsync("report", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_with_one_store_has_nothing_to_copy()
    {
        place.Configure("itsm", "itsm.db");

        var copy = await place.RunAsync("copy", "itsm");

        Assert.Equal((2, true), (copy.Code, copy.Error.Contains("has one store, so there is nothing to copy", StringComparison.Ordinal)));
    }

    private static IEnumerable<string?> Strings(JsonElement array) => array.EnumerateArray().Select(one => one.GetString());

    private static string Unwrapped(string screen) => string.Join(' ', screen.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
}
