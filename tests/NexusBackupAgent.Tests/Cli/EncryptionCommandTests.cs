using System.Text;
using System.Text.Json;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>A source whose backups are encrypted to a key that is not on the machine, with the real tool, from the configuration to the restored database.</summary>
public sealed class EncryptionCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    private string Key => place.In("key.txt");

    private string OtherKey => place.In("other.txt");

    [SkippableFact]
    public async Task Without_a_key_backups_are_made_and_proven_as_far_as_can_be_and_with_it_they_are_restored()
    {
        await EncryptAsync();
        Assert.Contains("whoever loses the key loses every backup", (await place.RunAsync("check-config")).Output, StringComparison.Ordinal);

        await DoAsync("backup", "--type", "full");
        await ChangeAsync("first");
        await DoAsync("backup", "--type", "incremental");
        await ChangeAsync("second");
        await DoAsync("backup", "--type", "incremental");

        // What lies in the store: nothing that was captured, and what its own tools check.
        Assert.Equal([".db-wal.gz.age", ".db-wal.gz.age", ".db.gz.age"], Artifacts().Select(file => Path.GetFileName(file)[Path.GetFileName(file).IndexOf('.', StringComparison.Ordinal)..]).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(place.Store).Where(file => file.EndsWith(".age", StringComparison.Ordinal) || file.EndsWith(".pages", StringComparison.Ordinal)), file => Assert.Equal("age-encryption.org/v1", File.ReadLines(file, Encoding.Latin1).First()));
        Assert.Equal(3, Directory.GetFiles(place.Store, "*.pages").Length);
        await Shell.BashAsync($"cd '{place.Store}'; sha256sum --quiet -c *.sha256; ! grep -rqa 'SQLite format 3' . && ! grep -rqaP '\\x1f\\x8b\\x08\\x04\\x00{4}' .");
        Assert.Empty(Directory.EnumerateFiles(place.In("state/scratch"), "*", SearchOption.AllDirectories));
        var recipient = await Shell.RunAsync("age-keygen", "-y", Key);
        Assert.All(Directory.GetFiles(place.Store, "*.manifest.json"), manifest => Assert.Contains($"\"{recipient}\"", File.ReadAllText(manifest), StringComparison.Ordinal));
        Assert.All(Directory.GetFiles(place.Store, "*.json"), text => Assert.DoesNotContain("AGE-SECRET", File.ReadAllText(text), StringComparison.Ordinal));

        // What is said of it.
        Assert.Equal([("good", "captured"), ("good", "captured"), ("good", "captured")], await ProofsAsync());
        Assert.Equal(3, (await place.RunAsync("list", "--lang", "en")).Output.Split('\n').Count(row => row.Contains(".age ", StringComparison.Ordinal) && row.EndsWith(" captured", StringComparison.Ordinal))); // each row says it
        await DoAsync("verify", "--all");
        await DoAsync("verify", "--all", "--stored-bytes");
        Assert.Equal([("good", "captured"), ("good", "captured"), ("good", "captured")], await ProofsAsync());
        var read = Unwrapped((await place.RunAsync("verify")).Output);
        Assert.Contains("no key that opens it is here, so only the stored bytes were read", read, StringComparison.Ordinal);
        Assert.Contains("✓ age; it is encrypted to", read, StringComparison.Ordinal); // and not gzip, which nobody saw
        Assert.Contains("content checked before it was encrypted; none has passed a drill with the key", Unwrapped((await place.RunAsync("status")).Output), StringComparison.Ordinal);
        var integrity = (await place.RunAsync("checklist", "itsm", "--lang", "en", "--json")).Json[0].GetProperty("checks")[4];
        Assert.Equal((true, "encrypted, no key here; it was checked before it was encrypted"), (integrity.GetProperty("passed").GetBoolean(), integrity.GetProperty("measured").GetString()));
        Assert.Contains("内容は暗号化前に検査済み", (await place.RunAsync("list", "--lang", "ja")).Output, StringComparison.Ordinal);

        // Without the key, and with a wrong one.
        foreach (var (command, code) in (IEnumerable<(string[], int)>)[(["drill"], 5), (["restore", "itsm", "--to", place.In("no.db")], 5)])
        {
            var refused = await place.RunAsync(command);
            Assert.Equal(code, refused.Code);
            Assert.Contains("--identity FILE", refused.Error, StringComparison.Ordinal);
        }

        var wrong = await place.RunAsync("restore", "itsm", "--to", place.In("no.db"), "--identity", "other.txt");
        Assert.Equal(5, wrong.Code);
        Assert.Contains("it is the key of age1", wrong.Error, StringComparison.Ordinal);
        Assert.Equal(3, (await place.RunAsync("verify", "--identity", OtherKey)).Code);
        Assert.False(File.Exists(place.In("no.db")));
        Assert.Equal([("good", "captured"), ("good", "captured"), ("good", "captured")], await ProofsAsync());

        // With the key.
        await DoAsync("drill", "--identity", "key.txt");
        Assert.DoesNotContain("loses every backup", (await place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("has passed a drill", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
        await DoAsync("verify", "--all", "--identity", Key);
        await DoAsync("verify", "--all", "--stored-bytes");
        Assert.Equal([("good", "whole"), ("good", "whole"), ("good", "whole")], await ProofsAsync());
        await DoAsync("restore", "itsm", "--to", place.In("restored.db"), "--identity", "key.txt");
        Assert.Equal("second", await TitleAsync("restored.db"));
        var recovered = await place.RunAsync("recover", "backups", "--to", "recovered.yml"); // on a new machine the key is all that is needed
        Assert.Contains("restore itsm --dry-run --identity FILE --config", Unwrapped(recovered.Output), StringComparison.Ordinal);
        Assert.Contains("are encrypted, and new ones would not be", Unwrapped(recovered.Error), StringComparison.Ordinal);
        Assert.Contains($"# encryption: {{age: {{recipients: [{recipient.Trim()}]}}}}", await File.ReadAllTextAsync(place.In("recovered.yml")), StringComparison.Ordinal);
        await DoAsync("restore", "itsm", "--to", place.In("new.db"), "--identity", "key.txt", "--config", "recovered.yml");
        Assert.Equal("second", await TitleAsync("new.db"));

        // By hand, as the documents say.
        var chain = Artifacts().OrderBy(File.GetLastWriteTimeUtc).ThenBy(file => file, StringComparer.Ordinal).ToList();
        var full = Assert.Single(chain, file => file.EndsWith(".db.gz.age", StringComparison.Ordinal));
        await Shell.BashAsync($"cd '{place.Path}'; age -d -i key.txt '{full}' | gunzip > data.db; sqlite3 data.db 'PRAGMA integrity_check'");
        Assert.Equal("メールが届かない 7", await TitleAsync("data.db"));

        // On a new machine, from the store and the key alone.
        await DoAsync("recover", place.Store, "--to", place.In("new.yml"));
        await DoAsync("restore", "itsm", "--config", place.In("new.yml"), "--to", place.In("recovered.db"), "--identity", "key.txt");
        Assert.Equal("second", await TitleAsync("recovered.db"));

        // A machine that has the key checks what it stored, and increments go on.
        await EncryptAsync("identityFile: key.txt");
        await ChangeAsync("third");
        await DoAsync("backup", "--type", "differential");
        Assert.Equal(("good", "chain"), (await ProofsAsync())[0]);
        await DoAsync("drill");

        // Who loses encryption from the configuration hears of it, and nothing is written in plain that nobody asked for.
        place.Configure("itsm", "itsm.db");
        Damage.FlipBit(Artifacts().MaxBy(File.GetLastWriteTimeUtc)!);
        var damaged = await place.RunAsync("verify");
        Assert.Equal(4, damaged.Code);
        Assert.Contains("was encrypted, and a new one would not be", Unwrapped(damaged.Error), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(place.Store, "*.db.gz"));
        Assert.Contains("stored backups are encrypted, new ones are not", Unwrapped((await place.RunAsync("check-config")).Output), StringComparison.Ordinal);
        Assert.Contains("this backup is not encrypted; stored ones are", Unwrapped((await place.RunAsync("backup")).Error), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_configured_key_that_opens_nothing_is_as_good_as_none()
    {
        await EncryptAsync("identityFile: other.txt");
        var refused = await place.RunAsync("check-config");
        Assert.Equal(2, refused.Code);
        Assert.Contains("it is the key of age1", refused.Output, StringComparison.Ordinal);

        await DoAsync("backup", "--type", "full");
        await ChangeAsync("first");
        await DoAsync("backup", "--type", "incremental");

        Assert.Equal([("good", "captured"), ("good", "captured")], await ProofsAsync());
        Assert.Equal(5, (await place.RunAsync("restore", "itsm", "--to", place.In("no.db"))).Code);

        // A small file that is damaged is told, and not taken for one of another machine.
        var pages = Directory.GetFiles(place.Store, "*.pages")[0];
        var stored = await File.ReadAllBytesAsync(pages);
        await File.WriteAllBytesAsync(pages, [(byte)'x', .. stored]);
        var told = await place.RunAsync("verify", "--all");
        Assert.Equal(4, told.Code);
        Assert.Contains("is not what it should be: it does not decrypt", Unwrapped(told.Error), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(pages, stored);

        // The other key comes: what is encrypted to the first one stays good, and is read as far as can be.
        await Shell.BashAsync($"cd '{place.Path}'; cp key.txt first.txt; cp other.txt key.txt");
        await EncryptAsync("identityFile: key.txt");
        Assert.Equal(0, (await place.RunAsync("check-config")).Code);
        await DoAsync("verify", "--all");
        await DoAsync("backup", "--type", "full");
        Assert.Equal([("good", "whole"), ("good", "captured"), ("good", "captured")], await ProofsAsync());

        // Neither a key that nobody can read without a terminal, nor one that is away, keeps a backup from being made.
        File.Delete(Key);
        await DoAsync("backup", "--type", "full");
        await Shell.BashAsync($"echo nothing > '{Key}'");
        Assert.Contains("age-keygen -y reads no key in it", (await place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        await DoAsync("backup", "--type", "full");
        Assert.Equal([("good", "captured"), ("good", "captured"), ("good", "whole")], (await ProofsAsync()).Take(3));
    }

    [SkippableFact]
    public async Task A_drill_proves_the_key_of_what_it_opened_and_no_other()
    {
        place.Configure("itsm", "itsm.db");
        await DoAsync("backup", "--type", "full");
        await DoAsync("drill");
        await EncryptAsync();
        await DoAsync("backup", "--type", "full");
        await AssertProvenAsync(false); // what was drilled is not encrypted

        await DoAsync("drill", "--identity", "key.txt");
        await AssertProvenAsync(true);

        await Shell.BashAsync($"cd '{place.Path}'; cp other.txt key.txt");
        await EncryptAsync();
        await AssertProvenAsync(false);

        async Task AssertProvenAsync(bool isProven)
        {
            Assert.Equal(isProven, !(await place.RunAsync("check-config")).Output.Contains("loses every backup", StringComparison.Ordinal));
            Assert.Equal(isProven, !Unwrapped((await place.RunAsync("status")).Output).Contains("none has passed a drill with the key", StringComparison.Ordinal));
        }
    }

    [SkippableFact]
    public async Task Damage_is_found_without_the_key_and_a_machine_without_its_own_key_makes_a_full_backup()
    {
        await EncryptAsync();
        await DoAsync("backup", "--type", "full");
        var manifest = Assert.Single(Directory.GetFiles(place.Store, "*.manifest.json"));
        var committed = await File.ReadAllBytesAsync(manifest);
        Damage.FlipBit(manifest);
        var doubted = await place.RunAsync("verify", "--no-replacement");
        Assert.Equal(4, doubted.Code);
        Assert.Contains("only its manifest is damaged, so it is left where it is", doubted.Error, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(manifest, committed);
        await Sidecar.EditAsync(manifest, text => text.Replace("\"age1", "\"--age1", StringComparison.Ordinal));
        Assert.Contains("one of its recipients is none", Unwrapped((await place.RunAsync("verify", "--no-replacement")).Error), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(manifest, committed);
        Damage.FlipBit(Assert.Single(Artifacts()));

        Assert.Equal(4, (await place.RunAsync("verify")).Code);

        Assert.Single(Directory.GetFiles(place.Store, "*.db.gz.age.bad"));
        var replaced = Assert.Single(Artifacts());
        Damage.FlipBit(replaced);
        Assert.Equal(5, (await place.RunAsync("restore", "itsm", "--to", place.In("no.db"), "--identity", "key.txt")).Code);
        Directory.Delete(place.In("state"), recursive: true);
        await DoAsync("backup", "--type", "full");
        Directory.Delete(place.In("state"), recursive: true);

        await DoAsync("backup", "--type", "incremental");

        var newest = (await place.RunAsync("list", "--json")).Json[0];
        Assert.Equal("full", newest.GetProperty("type").GetString());
        Assert.Contains("no key that opens it is on this machine", newest.GetProperty("fullBecause").GetString(), StringComparison.Ordinal);

        // Written wrong, and noted so: only the right key tells.
        var stored = newest.GetProperty("file").GetString()!;
        await Shell.BashAsync($"cd '{place.Store}'; age -d -i ../key.txt '{stored}' | age -r $(age-keygen -y ../other.txt) > ../wrong; cat ../wrong > '{stored}'; sha256sum '{stored}' | cut -c1-64 > ../sum");
        var (was, sum) = (newest.GetProperty("sha256").GetString()!, (await File.ReadAllTextAsync(place.In("sum"))).Trim());
        await File.WriteAllTextAsync(stored + ".sha256", (await File.ReadAllTextAsync(stored + ".sha256")).Replace(was, sum, StringComparison.Ordinal));
        await Sidecar.EditAsync(stored + ".manifest.json", text => text.Replace(was, sum, StringComparison.Ordinal));
        await DoAsync("verify");
        var undecrypted = await place.RunAsync("verify", "--identity", "key.txt", "--no-replacement");
        Assert.Equal(4, undecrypted.Code);
        Assert.Contains("it does not decrypt", undecrypted.Error, StringComparison.Ordinal);
        await DoAsync("restore", "itsm", "--to", place.In("older.db"), "--identity", "key.txt");
    }

    [SkippableFact]
    public async Task What_only_a_key_can_prove_a_reading_of_stored_bytes_calls_unproven()
    {
        await EncryptAsync();
        await DoAsync("backup", "--type", "full");
        Assert.Contains("what is in them was checked before it was encrypted", await ReadAsync(), StringComparison.Ordinal);
        File.Delete(Assert.Single(Artifacts()) + ".verification.json");
        await DoAsync("verify");
        Assert.Equal([("good", "storedBytes")], await ProofsAsync());

        var read = await ReadAsync();

        Assert.Matches("what is in them nobody has proven yet: nexus-backup verify [^ ]+ --identity FILE$", read);

        async Task<string> ReadAsync() =>
            (await place.RunAsync("verify", "--stored-bytes", "--json")).Json[0].GetProperty("checks")[0].GetProperty("detail").GetString()!;
    }

    [SkippableTheory]
    [InlineData("exec 3<&0; exec /usr/bin/age \"$@\" < <(head -c 1000 <&3; kill -9 $$)", "age was killed by signal 9")]
    [InlineData("/usr/bin/age \"$@\" | (head -c 500; cat > /dev/null)", "age wrote 500 bytes, and ")]
    [InlineData("exec /usr/bin/age --encrypt --recipient $NOBODY", "age ended with ")]
    [InlineData("exec cat", "what age wrote is no such file")]
    [InlineData(null, "age is not installed in")]
    public async Task Nothing_counts_of_what_age_did_not_write_whole(string? age, string reason)
    {
        Directory.CreateDirectory(place.In("bin"));
        if (age is not null)
        {
            await File.WriteAllTextAsync(place.In("bin/age"), $"#!/bin/bash\n{age}\n");
            File.SetUnixFileMode(place.In("bin/age"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        await EncryptAsync("binDirectory: bin");

        var failed = await place.RunAsync("backup");

        Assert.Equal(age is null ? 2 : 3, failed.Code);
        Assert.Contains(reason, failed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(place.Store), file => Path.GetFileName(file).Contains("manual_", StringComparison.Ordinal));
        Assert.Empty((await place.RunAsync("list", "--json")).Json.EnumerateArray());
        Assert.Empty(Directory.EnumerateFiles(place.In("state/scratch"), "*", SearchOption.AllDirectories));
    }

    [SkippableFact]
    public async Task What_somebody_encrypted_by_hand_waits_for_the_key()
    {
        await EncryptAsync();
        await Shell.BashAsync($"cd '{place.Path}'; sqlite3 itsm.db \".backup 'copy.db'\"; gzip -c copy.db | age -r $(age-keygen -y key.txt) > backups/manual_20260214_093000.db.gz.age; cd backups; sha256sum manual_20260214_093000.db.gz.age > manual_20260214_093000.db.gz.age.sha256");

        Assert.Equal("unverified", (await place.RunAsync("list", "--json")).Json[0].GetProperty("state").GetString());
        Assert.Contains("manual_20260214_093000.db.gz.age", (await place.RunAsync("list")).Output, StringComparison.Ordinal);
        Assert.Equal(3, (await place.RunAsync("verify")).Code);

        await DoAsync("verify", "--identity", "key.txt");

        Assert.Equal([("good", "whole")], await ProofsAsync());
        await Shell.BashAsync($"cd '{place.Store}'; age -d -i ../key.txt manual_20260214_093000.db.gz.age > manual_20260214_093000.db.gz");
        await DoAsync("verify", "--all");
        Assert.Equal(2, (await ProofsAsync()).Count); // the opened one is another backup, and no part of the encrypted one is taken for its own
        await DoAsync("restore", "itsm", "--id", "manual_20260214_093000.db.gz.age", "--to", place.In("restored.db"), "--identity", "key.txt");
    }

    [SkippableFact]
    public async Task Directories_are_encrypted_with_their_lists_and_copied_and_restored_by_hand_too()
    {
        await MakeKeysAsync();
        Directory.CreateDirectory(place.In("conf"));
        Directory.CreateDirectory(place.In("offsite"));
        await File.WriteAllTextAsync(place.In("conf/password-of-the-mail-server"), "geheim");
        await File.WriteAllTextAsync(place.Configuration, $$"""
            stores: {local: {path: backups}, offsite: {path: offsite, offsite: true} }
            sources:
              config:
                directory: [{{place.In("conf")}}]
                store: [local, offsite]
                retry: {attempts: 1}
                encryption: {age: {recipientsFile: recipients.txt} }
                schedules: {daily: {cron: "0 2 * * *", retention: 7d} }
            """);

        await DoAsync("backup");

        await Shell.BashAsync($"cd '{place.Path}'; for store in backups offsite; do (cd $store/config; sha256sum --quiet -c *.sha256); ! grep -rqa -e geheim -e password-of $store; ! ls $store/config | grep -q 'inventory.gz$'; done");
        var artifact = Assert.Single(Directory.GetFiles(place.In("backups/config"), "*.tar.gz.age"));
        await Shell.BashAsync($"cd '{place.Path}'; mkdir by-hand; age -d -i key.txt '{artifact}' | tar -xzpf - -C by-hand; grep -rq geheim by-hand");
        Assert.Equal(5, (await place.RunAsync("restore", "config", "--to", place.In("restored"))).Code);
        Damage.FlipBit(artifact);
        await DoAsync("restore", "config", "--to", place.In("restored"), "--identity", "key.txt"); // from the other store
        Assert.Equal("geheim", await Shell.BashAsync($"cat $(find '{place.In("restored")}' -name 'password-of*')"));
        Assert.Contains("password-of-the-mail-server", (await place.RunAsync("list", "--contents", (await place.RunAsync("list", "--json")).Json[0].GetProperty("id").GetString()!, "--identity", "key.txt")).Output, StringComparison.Ordinal);
    }

    /// <summary>Who plans a restore at night learns then, and not in the middle of it, that the key is elsewhere.</summary>
    [SkippableTheory]
    [InlineData("", "no key that opens it is on this machine")]
    [InlineData("gone.txt", "there is no key file '")]
    [InlineData("other.txt", "it is the key of age1")]
    [InlineData("garbage.txt", "does not open '")]
    [InlineData("key.txt", null)]
    public async Task A_plan_says_whether_the_key_opens_the_backup_and_ends_as_the_restore_does(string identity, string? refusal)
    {
        await EncryptAsync();
        await DoAsync("backup", "--type", "full");
        await ChangeAsync("first");
        await DoAsync("backup", "--type", "incremental");
        await File.WriteAllTextAsync(place.In("garbage.txt"), "no key\n");
        string[] with = identity.Length == 0 ? [] : ["--identity", identity];

        var plan = await place.RunAsync(["restore", "itsm", "--to", place.In("restored.db"), "--dry-run", .. with]);
        var document = await place.RunAsync(["restore", "itsm", "--to", place.In("restored.db"), "--dry-run", "--json", .. with]);
        var restore = await place.RunAsync(["restore", "itsm", "--to", place.In("restored.db"), .. with]);

        Assert.Equal((restore.Code, restore.Code), (plan.Code, document.Code));
        Assert.Equal(refusal is null ? 0 : 5, plan.Code);
        Assert.Contains(refusal ?? $"key {Key} opens it", Unwrapped(plan.Output), StringComparison.Ordinal);
        Assert.Equal(refusal is null ? Key : null, document.Json.GetProperty("plan").GetProperty("key").GetString());
        Assert.Equal(refusal is null ? null : "keyMissing", document.Json.GetProperty("failure").GetString());
        if (refusal is not null)
            Assert.Contains("--identity FILE", plan.Error, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_plan_says_that_a_key_could_not_be_tried_where_the_beginning_is_damaged(bool isHeader)
    {
        await EncryptAsync();
        await DoAsync("backup");
        var artifact = Assert.Single(Artifacts());
        var bytes = await File.ReadAllBytesAsync(artifact);
        bytes[isHeader ? 3 : bytes.AsSpan().IndexOf("\n--- "u8) + 100] ^= 1; // else in the first chunk
        await File.WriteAllBytesAsync(artifact, bytes);

        var plan = await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--dry-run", "--identity", "key.txt");

        Assert.Contains("key could not be tried: ", Unwrapped(plan.Output), StringComparison.Ordinal);
        Assert.DoesNotContain("opens it", Unwrapped(plan.Output), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, (await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--dry-run", "--json", "--identity", "key.txt")).Json.GetProperty("plan").GetProperty("key").ValueKind);
    }

    [SkippableFact]
    public async Task A_plan_reads_no_more_of_an_encrypted_backup_than_shows_whether_the_key_opens_it()
    {
        await EncryptAsync();
        await SqliteSamples.SqlAsync(place.In("itsm.db"), "CREATE TABLE noise AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT randomblob(1000) AS bytes FROM n");
        await DoAsync("backup");
        var artifact = Assert.Single(Artifacts());
        Assert.InRange(new FileInfo(artifact).Length, AgeHeader.WithFirstChunk + 1, long.MaxValue);
        var bytes = await File.ReadAllBytesAsync(artifact);
        bytes.AsSpan(AgeHeader.WithFirstChunk).Clear();
        await File.WriteAllBytesAsync(artifact, bytes);

        var plan = await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--dry-run", "--identity", "key.txt");

        Assert.Contains($"key {Key} opens it", Unwrapped(plan.Output), StringComparison.Ordinal);
        Assert.Equal(5, (await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--identity", "key.txt")).Code);
    }

    [SkippableFact]
    public async Task A_program_that_is_missing_is_a_cause_with_a_step_of_its_own_although_no_agent_runs()
    {
        await EncryptAsync();
        await DoAsync("backup");
        Assert.Contains("✓ [3K] encryption: its program and its recipients are here", (await place.RunAsync("diagnose", "--lang", "en")).Output, StringComparison.Ordinal);
        await EncryptAsync("binDirectory: nowhere");

        var found = (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];

        Assert.StartsWith("age is not installed in ", found.GetProperty("evidence").GetString(), StringComparison.Ordinal);
        Assert.Contains("apt-get install age", found.GetProperty("evidence").GetString(), StringComparison.Ordinal);
        Assert.Equal("F", found.GetProperty("cause").GetString());
        Assert.Equal("B", found.GetProperty("also")[0].GetString());
        Assert.Equal(["nexus-backup check-config", "nexus-backup backup itsm"], found.GetProperty("next").EnumerateArray().Select(next => next.GetString()).Take(2));
        var step = Assert.Single(found.GetProperty("steps").EnumerateArray(), step => step.GetProperty("step").GetString() == "3K");
        Assert.False(step.GetProperty("passed").GetBoolean());
        Assert.Contains("apt-get install age", Unwrapped((await place.RunAsync("diagnose", "--lang", "en")).Output), StringComparison.Ordinal); // a terminal shows the steps alone
        Assert.NotEqual(0, (await place.RunAsync("backup")).Code); // as it says
    }

    [SkippableFact]
    public async Task A_recipient_with_a_wrong_letter_is_none_and_a_secret_key_is_shown_to_nobody()
    {
        await MakeKeysAsync();
        var recipient = await Shell.RunAsync("age-keygen", "-y", Key);
        Assert.Equal(recipient, AgeRecipient.Parse(recipient));
        for (var at = 4; at < recipient.Length; at++)
        {
            var wrong = recipient[..at] + (recipient[at] == 'q' ? 'p' : 'q') + recipient[(at + 1)..];
            Assert.Throws<WrongTextException>(() => AgeRecipient.Parse(wrong));
        }

        var secret = (await File.ReadAllLinesAsync(Key)).Single(line => line.StartsWith("AGE-", StringComparison.Ordinal));
        File.AppendAllText(place.Configuration, $"    encryption: {{age: {{recipients: [{secret}]}}}}\n");
        var refused = await place.RunAsync("check-config");
        Assert.Equal(2, refused.Code);
        Assert.Contains("is a secret key", refused.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(secret[20..], refused.Output + refused.Error, StringComparison.Ordinal);
    }

    private static string Unwrapped(string text) => string.Join(' ', text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

    private string[] Artifacts() => Directory.GetFiles(place.Store, "*.age");

    private Task ChangeAsync(string title) => SqliteSamples.SqlAsync(place.In("itsm.db"), $"UPDATE incidents SET title = '{title}' WHERE id = 7");

    private Task<string> TitleAsync(string file) => SqliteSamples.SqlAsync(place.In(file), "SELECT title FROM incidents WHERE id = 7");

    private async Task<IReadOnlyList<(string, string)>> ProofsAsync() =>
        [.. (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => (backup.GetProperty("state").GetString()!, backup.TryGetProperty("proof", out var proof) ? proof.GetString()! : "none"))];

    private async Task DoAsync(params string[] arguments)
    {
        var done = await place.RunAsync(arguments);
        Assert.True(done.Code == 0, $"{string.Join(' ', arguments)}: {done.Code} {done.Error}");
    }

    private async Task MakeKeysAsync()
    {
        Need.Tool("age");
        if (!File.Exists(Key))
            await Shell.BashAsync($"cd '{place.Path}'; age-keygen -o key.txt; age-keygen -o other.txt; (echo '# who restores'; age-keygen -y key.txt) > recipients.txt");
    }

    private async Task EncryptAsync(string further = "")
    {
        await MakeKeysAsync();
        place.Configure("itsm", "itsm.db");
        File.AppendAllText(place.Configuration, $"    encryption: {{age: {{recipients: [{await Shell.RunAsync("age-keygen", "-y", Key)}]{(further.Length == 0 ? "" : $", {further}")}}}}}\n");
    }
}
