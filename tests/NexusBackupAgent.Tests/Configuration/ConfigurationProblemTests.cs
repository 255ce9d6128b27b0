namespace NexusBackupAgent.Tests.Configuration;

/// <summary>Every mistake by itself: where it is reported, in which words, and with which mend.</summary>
public sealed class ConfigurationProblemTests
{
    /// <summary>Lines are written below <c>sources.itsm</c>; the first is line 8 of the file.</summary>
    public static TheoryData<string, string, int, string, string> MistakesOfASource => new()
    {
        // Keys.
        { "retension: 7d", "retension", 8, "not a known key", "the keys here are sqlite, postgres, s3, store, directory" },
        { "shedules: {}", "shedules", 8, "not a known key", "did you mean schedules?" },
        { "busy_timeout: 10s", "busy_timeout", 8, "not a known key", "did you mean busyTimeout?" },
        { "BusyTimeout: 10s", "BusyTimeout", 8, "not a known key", "did you mean busyTimeout?" },
        { "level: 3", "level", 8, "not a known key", "it belongs below" },
        { "listen: http://127.0.0.1:1", "listen", 8, "not a known key", "top level" },
        { "\nsqlite: other.db", "sqlite", 9, "written twice, first on line 5", "keep one" },
        { "rpo: {warning: 24h, warning: 30h}", "rpo.warning", 8, "written twice", "keep one" },
        { "rpo: {crticial: 50h}", "rpo.crticial", 8, "not a known key", "did you mean critical?" },
        { "retry: {attempt: 5}", "retry.attempt", 8, "not a known key", "did you mean attempts?" },
        { "compression: {levle: 5}", "compression.levle", 8, "not a known key", "did you mean level?" },

        // Kinds of value.
        { "rpo: 24h", "rpo", 8, "one value where keys are expected", "rpo: {warning: 24h, critical: 48h}" },
        { "retry: [3]", "retry", 8, "a list where keys are expected", "retry: {attempts: 3" },
        { "busyTimeout: {seconds: 3}", "busyTimeout", 8, "a mapping where one value is expected", "busyTimeout: 30s" },
        { "timeLimit: [6h]", "timeLimit", 8, "a list where one value is expected", "timeLimit: 6h" },
        { "timeLimit:", "timeLimit", 8, "has no value", "timeLimit: 6h" },
        { "directory: \"\"", "directory", 8, "has no value", "directory: itsm" },

        // Ranges.
        { "busyTimeout: 10", "busyTimeout", 8, "is not a duration", "for example 30s, 10m, 24h or 2d" },
        { "busyTimeout: -10s", "busyTimeout", 8, "is not a duration", "30s" },
        { "busyTimeout: 1.5h", "busyTimeout", 8, "is not a duration", "30s" },
        { "busyTimeout: 2h", "busyTimeout", 8, "out of range (0s to 1h)", "between 0s and 1h" },
        { "busyTimeout: 99999999999999999s", "busyTimeout", 8, "longer than ten years", "between 0s and 1h" },
        { "timeLimit: 0s", "timeLimit", 8, "out of range", "between 1s and 30d" },
        { "retry: {attempts: 0}", "retry.attempts", 8, "out of range (1 to 10)", "attempts: 3" },
        { "retry: {attempts: 11}", "retry.attempts", 8, "out of range (1 to 10)", "attempts: 3" },
        { "retry: {attempts: three}", "retry.attempts", 8, "not a whole number", "from 1 to 10" },
        { "retry: {delay: 61m}", "retry.delay", 8, "out of range (0s to 1h)", "between 0s and 1h" },
        { "compression: {level: 0}", "compression.level", 8, "out of range (1 to 9)", "level: 6" },
        { "compression: {level: 10}", "compression.level", 8, "out of range (1 to 9)", "level: 6" },
        { "compression: multi-member", "compression", 8, "no way to compress", "write gzip, zstd, or single-member" },
        { "compression: {method: zstd, level: 20}", "compression.level", 8, "out of range (1 to 19)", "level: 3" },
        { "compression: {method: zip}", "compression.method", 8, "no way to compress", "write gzip, zstd, or single-member" },
        { "rpo: {warning: 0h}", "rpo.warning", 8, "out of range", "between 1m" },
        { "rpo: {warning: 24h, critical: 24h}", "rpo", 8, "critical 24h is not above warning 24h", "rpo: {warning: 24h, critical: 48h}" },
        { "rpo: {emergency: 48h}", "rpo", 8, "emergency 48h is not above critical 48h", "rpo: {warning: 24h, critical: 48h, emergency: 50h}" },
        { "rpo: {critical: 3d, emergency: 50h}", "rpo", 8, "emergency 50h is not above critical 3d", "above the critical" },
        { "rpo: {warning: 3d}", "rpo", 8, "critical 48h, the default, is not above warning 3d", "above the warning" },

        // Stores and directories.
        { "store: locale", "store", 8, "no store of that name", "did you mean local?" },
        { "store: offsite", "store", 8, "no store of that name", "the stores are local" },
        { "store: [local, offsite]", "store", 8, "no store of that name", "the stores are local" },
        { "store: [local, local]", "store", 8, "names store local twice", "once" },
        { "store: [local, {store: local, keep: {dayly: 90d}}]", "store", 8, "names store local twice", "once" },
        { "store: {store: local, keep: {daily: 90d}}", "store.keep", 8, "this is the store that is written", "retention" },
        { "store: [{keep: {daily: 90d}}]", "store", 8, "does not say which store", "store: [local, {store: offsite, keep: {daily: 90d}}]" },
        { "store: []", "store", 8, "empty list", "name one store" },
        { "store: {store: [local]}", "store.store", 8, "a list where one value is expected", "store: local" },
        { "directory: /mnt/backups", "directory", 8, "absolute path", "below the store's path" },
        { "directory: a/../../b", "directory", 8, "leads out of the store", "below the store's path" },

        // Verification and drills.
        { "verify: daily", "verify", 8, "one value where keys are expected", "verify: {cron: \"30 4 * * *\", spread: 7d}" },
        { "verify: {corn: \"30 4 * * *\"}", "verify.corn", 8, "not a known key", "did you mean cron?" },
        { "verify: {cron: \"30 25 * * *\"}", "verify.cron", 8, "hour field", "write 0 to 23" },
        { "verify: {spread: 7}", "verify.spread", 8, "is not a duration", "30s" },
        { "verify: {spread: 30m}", "verify.spread", 8, "out of range", "between 1h and 366d" },
        { "drill: {schedule: monthly}", "drill.schedule", 8, "not a known key", "the keys here are cron, probe" },
        { "drill: {cron: monthly}", "drill.cron", 8, "has 1 field", "write 5" },
        { "drill: {probe: \"SELECT 1\"}", "drill.probe", 8, "one value where keys are expected", "probe: {sql:" },
        { "drill:\n  probe:\n    - {sql: SELECT 1}\n    - {expect: 1}", "drill.probe", 11, "asks nothing", "sql: \"SELECT count(*)" },
        { "drill: {probe: {sql: SELECT 1, expects: 1}}", "drill.probe.expects", 8, "not a known key", "did you mean expect?" },
        { "drill: {probe: {sql: SELECT 1, expect: \">=\"}}", "drill.probe.expect", 8, "compares with nothing", "write a value after >=" },
        { "drill: {probe: {sql: SELECT 1, expect: [1]}}", "drill.probe.expect", 8, "a list where one value is expected", "expect: \">= 1000\"" },
        { "drill: {probe: {sql: SELECT 1, maxAge: 2}}", "drill.probe.maxAge", 8, "is not a duration", "between 1m and 3650d" },

        // Commands.
        { "restore: {before: systemctl stop itsm}", "restore.before", 8, "never a shell string", "write before: [systemctl, stop, itsm]" },
        { "restore: {after: reboot}", "restore.after", 8, "never a shell string", "write after: [reboot]" },
        { "restore: {before: [systemctl stop itsm]}", "restore.before", 8, "a whole command line as its program", "[systemctl, stop, itsm]" },
        { "restore:\n  before:\n    - [systemctl, stop, a]\n    - systemctl stop b", "restore.before", 11, "never a shell string", "write before: [systemctl, stop, b]" },
        { "restore: {before: [[systemctl, stop], []]}", "restore.before", 8, "an empty list where a command is expected", "[systemctl, stop, itsm]" },
        { "restore: {before: {command: [a]}}", "restore.before", 8, "is a mapping", "[systemctl, stop, itsm]" },
        { "restore: {before: [echo, ~]}", "restore.before", 8, "no argument", "[systemctl, stop, itsm]" },
        { "restore: {before: [\"\", a]}", "restore.before", 8, "names no program", "[systemctl, stop, itsm]" },
        { "restore: {before: [a, \"b\\0c\"]}", "restore.before", 8, "null character", "[systemctl, stop, itsm]" },
        { "restore: {commandTimeout: 0s}", "restore.commandTimeout", 8, "out of range", "between 1s and 1h" },
        { "restore: {health: localhost:6443}", "restore.health", 8, "not an http or https address", "https://localhost:6443/api/v1/health" },
        { "restore: {health: \"https://user:hidden@localhost:6443/health\"}", "restore.health", 8, "holds a user or password", "https://localhost:6443/api/v1/health" },
        { "restore: {health: {comand: [a]}}", "restore.health.comand", 8, "not a known key", "did you mean command?" },
        { "restore: {health: [{command: a b}]}", "restore.health.command", 8, "never a shell string", "write command: [a, b]" },
        { "restore: {health: {}}", "restore.health", 8, "has no command", "write for example command: [pg_isready" },
        { "restore: {healthInsecure: maybe}", "restore.healthInsecure", 8, "neither true nor false", "healthInsecure: true" },
        { "restore: {helth: \"https://localhost/health\"}", "restore.helth", 8, "not a known key", "did you mean health?" },

        // Hooks.
        { "hooks: []", "hooks", 8, "a list where keys are expected", "hooks: {onFailure: [/usr/local/bin/notify" },
        { "hooks: {onFail: [a]}", "hooks.onFail", 8, "not a known key", "did you mean onFailure?" },
        { "hooks: {onFailure: notify -a}", "hooks.onFailure", 8, "neither a list of arguments nor an http or https address", "never a shell string" },
        { "hooks: {onFailure: [https://a.example, https://b.example]}", "hooks.onFailure", 8, "is a list of addresses", "write onFailure: [{url:" },
        { "hooks:\n  onSuccess:\n    - [a]\n    - b c", "hooks.onSuccess", 11, "neither a list of arguments", "never a shell string" },
        { "hooks: {onFailure: {url: https://a.example, command: [b]}}", "hooks.onFailure", 8, "has url and command", "write one of command" },
        { "hooks: {onFailure: {}}", "hooks.onFailure", 8, "neither a command nor an address", "write one of command" },
        { "hooks: {onFailure: {url: ftp://a.example}}", "hooks.onFailure.url", 8, "not an http or https address", "url: \"https://hooks.example.com/backup\"" },
        { "hooks: {onFailure: {command: notify}}", "hooks.onFailure.command", 8, "never a shell string", "command: [/usr/local/bin/notify" },
        { "hooks: {onFailure: {urlEnv: $HOOK}}", "hooks.onFailure.urlEnv", 8, "not the name of an environment variable", "urlEnv: HOOK_URL" },
        { "hooks: {onFailure: {urlFile: ~/hook}}", "hooks.onFailure.urlFile", 8, "which only a shell expands", "write the absolute path" },
        { "hooks: {timeout: 2h}", "hooks.timeout", 8, "out of range", "between 1s and 1h" },
    };

    [Theory]
    [MemberData(nameof(MistakesOfASource))]
    public void A_mistake_in_a_source_is_an_error(string keys, string key, int line, string problem, string mend)
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys(keys));

        AssertOnly(file, IsError: true, $"sources.itsm.{key}", line, problem, mend);
    }

    /// <summary>Lines are written below <c>sources.itsm.schedules</c>; the first is line 7 of the file.</summary>
    public static TheoryData<string, string, int, string, string> MistakesOfASchedule => new()
    {
        { "daily: {cron: \"0 2 * * *\"}", "daily", 7, "has no retention", "retention: 7d" },
        { "daily: {retention: 7d}", "daily", 7, "has no cron", "cron: \"0 2 * * *\"" },
        { "daily: \"0 2 * * *\"", "daily", 7, "one value where keys are expected", "daily: {cron:" },
        { "daily:", "daily", 7, "is empty", "daily: {cron:" },
        { "daily: {cron: \"0 2 * * *\", retention: seven}", "daily.retention", 7, "is not a period", "for example 7d" },
        { "daily: {cron: \"0 2 * * *\", retention: 7d, type: half}", "daily.type", 7, "not a type of backup", "type: full" },
        { "daily: {cron: \"0 2 * * *\", retnetion: 7d, retention: 7d}", "daily.retnetion", 7, "not a known key", "did you mean retention?" },
        { "daily:\n  retention: 7d\n  cron: \"0 2 * * *\"\n  retention: 8d", "daily.retention", 10, "written twice, first on line 8", "keep one" },
        { "daily:\n  retention: 7d\n  cron: 0 25 * * *", "daily.cron", 9, "hour field at column 3: '25' is not allowed", "write 0 to 23" },
        { "daily:\n  retention: 7d\n  cron: 0 2 * *", "daily.cron", 9, "has 4 fields", "write 5 (minute hour" },
        { "daily:\n  retention: 7d\n  cron: \"@dayly\"", "daily.cron", 9, "unknown", "@daily" },
        { "daily: {cron: \"0 2 * * *\", retention: 12m}", "daily.retention", 7, "for months write mo", "retention: 7d" },
        { "manual: {cron: \"0 2 * * *\", retention: 7d}", "manual", 7, "made by hand", "another name" },
        { "\"every day\": {cron: \"0 2 * * *\", retention: 7d}", "\"every day\"", 7, "only letters, digits, _ and -", "for example daily" },
        { "毎日: {cron: \"0 2 * * *\", retention: 7d}", "毎日", 7, "only letters, digits, _ and -", "for example daily" },
        { "a/b: {cron: \"0 2 * * *\", retention: 7d}", "\"a/b\"", 7, "only letters, digits, _ and -", "for example daily" },
    };

    [Theory]
    [MemberData(nameof(MistakesOfASchedule))]
    public void A_mistake_in_a_schedule_is_an_error(string schedules, string key, int line, string problem, string mend)
    {
        using var file = new SampleFile(SampleFile.WithSchedules(schedules));

        AssertOnly(file, IsError: true, $"sources.itsm.schedules.{key}", line, problem, mend);
    }

    /// <summary>Text that is put before the minimal file.</summary>
    private const string Hash = "pbkdf2-sha256$600000$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    public static TheoryData<string, string, string, string> MistakesOfTheTopLevel => new()
    {
        { "timezone: Asia/Tokyo", "timezone", "not a known key", "did you mean timeZone?" },
        { "schedules: {}", "schedules", "not a known key", "it belongs below sources.<name>" },
        { "colour: red", "colour", "not a known key", "the keys here are timeZone, agent, listen, certificate, allowInsecureHttp, users, tokens, metrics, state, scratch, log, stores, sources" },
        { "timeZone: Asia/Tokio", "timeZone", "did you mean Asia/Tokyo?", "IANA" },
        { "timeZone: Tokyo", "timeZone", "did you mean Asia/Tokyo?", "IANA" },
        { "timeZone: ../../../etc/passwd", "timeZone", "is not a time zone that this host knows", "Asia/Tokyo" },
        { "timeZone: zone.tab", "timeZone", "is not a time zone that this host knows", "Asia/Tokyo" },
        { "timeZone: \"a\\0b\"", "timeZone", "is not a time zone that this host knows", "Asia/Tokyo" },
        { "timeZone: JST", "timeZone", "is not a time zone that this host knows", "Asia/Tokyo" },
        { "listen: https://0.0.0.0:9440", "listen", "there is no certificate", "nexus-backup certificate" },
        { "listen: http://0.0.0.0:9440", "listen", "plain HTTP for other hosts", "allowInsecureHttp: true" },
        { "listen: http://backup.example.com:9440", "listen", "plain HTTP for other hosts", "allowInsecureHttp: true" },
        { "listen: ftp://127.0.0.1:21", "listen", "not an http or https address", "http://127.0.0.1:9440" },
        { "certificate: {certificate: cert.pem}", "certificate", "has no key", "key: key.pem" },
        { "certificate: {certificate: cert.pem, key: key.pem, chain: x}", "certificate.chain", "not a known key", "certificate, key" },
        { "users: {admin: x}", "users.admin", "one value where keys are expected", "role: admin" },
        { "users: {admin: {role: admin}}", "users.admin", "has no password", "nexus-backup hash-password" },
        { "users: {admin: {password: secret-of-mine, role: admin}}", "users.admin.password", "no hash of a password", "nexus-backup hash-password" },
        { "users: {admin: {password: \"pbkdf2-sha256$1000$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", role: admin}}", "users.admin.password", "less than 600000", "nexus-backup hash-password" },
        { $"users: {{admin: {{password: \"{Hash}\", role: root}}}}", "users.admin.role", "is no role", "viewer (reads), operator" },
        { $"users: {{admin: {{password: \"{Hash}\"}}}}", "users.admin", "has no role", "viewer (reads), operator" },
        { "tokens: {ci: {token: nxb_abc, role: viewer}}", "tokens.ci.token", "no hash of a token", "hash-password --token" },
        { "metrics: {auth: {}}", "metrics.auth", "asks for nothing", "bearer" },
        { $"metrics: {{auth: {{basic: {{user: \"a:b\", password: \"{Hash}\"}}}}}}", "metrics.auth.basic.user", "has a colon", "without a colon" },
        { "listen: 127.0.0.1:9440", "listen", "not an http or https address", "http://127.0.0.1:9440" },
        { "listen: 9440", "listen", "not an http or https address", "http://127.0.0.1:9440" },
        { "listen: http://localhost", "listen", "has no port", "http://127.0.0.1:9440" },
        { "listen: http://localhost:99999", "listen", "not an http or https address", "http://127.0.0.1:9440" },
        { "listen: http://localhost:9440/metrics", "listen", "more than a host and a port", "http://127.0.0.1:9440" },
        { "state: ~/state", "state", "which only a shell expands", "write the absolute path" },
        { "state: \"a\\u0007b\"", "state", "control character", "state: state" },
        { "log: {level: loud}", "log.level", "not a log level", "Verbose, Debug, Information, Warning or Error" },
        { "log: {levels: Debug}", "log.levels", "not a known key", "did you mean level?" },
        { "log: debug", "log", "one value where keys are expected", "log: {level: Information}" },
    };

    [Theory]
    [MemberData(nameof(MistakesOfTheTopLevel))]
    public void A_mistake_at_the_top_level_is_an_error(string text, string key, string problem, string mend)
    {
        using var file = new SampleFile($"{text}\n{SampleFile.Minimal}");

        AssertOnly(file, IsError: true, key, line: 1, problem, mend);
    }

    public static TheoryData<string, string, int, string, string> MistakesOfWholeFiles => new()
    {
        { "stores: {a: {path: x}}", "", 1, "there are no sources", "sources: {itsm:" },
        { "stores: {a: {path: x}}\nsources:", "", 1, "there are no sources", "sources: {itsm:" },
        { "stores: {a: {path: x}}\nsources: {}", "sources", 2, "there are no sources", "sources: {itsm:" },
        { "stores: {a: {path: x}}\nsources: [a]", "sources", 2, "a list where keys are expected", "sources: {itsm:" },
        { "sources: {s: {sqlite: a.db, schedules: *d}}", "", 1, "there are no stores", "stores: {local: {path: backups}}" },
        { "stores:\nsources: {s: {sqlite: a.db, schedules: *d}}", "", 1, "there are no stores", "stores: {local" },
        { "stores: {a: {}}\nsources: {s: {sqlite: a.db, schedules: *d}}", "stores.a", 1, "has no path", "path: backups" },
        { "stores: {a: backups}\nsources: {s: {sqlite: a.db, schedules: *d}}", "stores.a", 1, "one value where keys are expected", "a: {path: backups}" },
        { "stores: {a: {path: x, pth: y}}\nsources: {s: {sqlite: a.db, schedules: *d}}", "stores.a.pth", 1, "not a known key", "did you mean path?" },
        { "stores: {.a: {path: x}}\nsources: {s: {sqlite: a.db, schedules: *d}}", "stores.\".a\"", 1, "begins with a dot", "for example local" },
        { "stores: {a: {s3: {bucket: b}}}\nsources: {s: {sqlite: a.db, schedules: *d}}", "stores.a.s3", 1, "not supported by this version, and a source uses", "path: backups" },
        { "stores: {a: {path: x}, b: {path: y}}\nsources: {s: {sqlite: a.db, schedules: *d}}", "sources.s", 2, "does not say which store", "one of a, b" },
        { "stores: {a: {path: x}}\nsources:\n  s: {schedules: *d}", "sources.s", 3, "does not say which database", "sqlite: data/itsm.db" },
        { "stores: {a: {path: x}}\nsources:\n  s: {directory: [etc, etc/app], schedules: *d}", "sources.s.directory", 3, "is in", "name each directory once" },
        { "stores: {a: {path: x}}\nsources:\n  s: {directory: etc, unreadable: maybe, schedules: *d}", "sources.s.unreadable", 3, "neither fail nor skip", "unreadable: skip" },
        { "stores: {a: {path: x}}\nsources:\n  s: {directory: etc, exclude: \"../x\", schedules: *d}", "sources.s.exclude", 3, "no pattern of files", "temp/**" },
        { "stores: {a: {path: x}}\nsources:\n  s: a.db", "sources.s", 3, "one value where keys are expected", "s: {sqlite: data/itsm.db}" },
        { "stores: {a: {path: x}}\nsources:\n  s: {sqlite: data/, schedules: *d}", "sources.s.sqlite", 3, "names a directory", "sqlite: data/itsm.db" },
        { "stores: {a: {path: x}}\nsources:\n  s: {sqlite: data/**/a.db, schedules: *d}", "sources.s.sqlite", 3, "**", "sqlite: data/itsm.db" },
        { "stores: {a: {path: x}}\nsources:\n  s: {sqlite: dat?/a.db, schedules: *d}", "sources.s.sqlite", 3, "? in a directory's name", "sqlite: data/itsm.db" },
    };

    [Theory]
    [MemberData(nameof(MistakesOfWholeFiles))]
    public void A_mistake_in_stores_or_sources_is_an_error(string text, string key, int line, string problem, string mend)
    {
        using var file = new SampleFile(text.Replace("*d", "{d: {cron: \"0 2 * * *\", retention: 7d}}", StringComparison.Ordinal));

        AssertOnly(file, IsError: true, key, line, problem, mend);
    }

    [Theory]
    [InlineData("", "empty name")]
    [InlineData("   ", "empty name")]
    [InlineData(".hidden", "begins with a dot")]
    [InlineData("..", "begins with a dot")]
    [InlineData("a/b", "contains a slash")]
    [InlineData("a\\nb", "control character")]
    [InlineData("a\\u2028b", "control character")]
    [InlineData("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ+", "longer than 100 characters")]
    public void A_source_name_that_cannot_name_a_directory_is_an_error(string name, string problem)
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace("  itsm:", $"  \"{name}\":", StringComparison.Ordinal));

        var only = Assert.Single(file.Load().Problems);

        Assert.StartsWith("sources.", only.Key, StringComparison.Ordinal);
        Assert.Equal(4, only.Line);
        Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hundred_Japanese_letters_need_a_shorter_directory()
    {
        var name = new string('管', 100);
        using var file = new SampleFile(SampleFile.Minimal.Replace("  itsm:", $"  {name}:", StringComparison.Ordinal));
        using var mended = new SampleFile(File.ReadAllText(file.Path) + "    directory: itsm\n");

        AssertOnly(file, IsError: true, $"sources.{name}", 4, "255 bytes", "directory: itsm");
        Assert.Empty(mended.Load().Problems);
    }

    [Theory]
    [InlineData("", "  offsite: {s3: {bucket: b}}\n", "stores.offsite.s3", 3, "no source uses this one")]
    [InlineData("state: backups/state\n", "", "state", 1, "lies inside the store local")]
    [InlineData("scratch: backups\n", "", "scratch", 1, "lies inside the store local")]
    public void What_may_be_meant_so_is_a_warning(string before, string store, string key, int line, string problem)
    {
        var text = SampleFile.Minimal.Replace("sources:", $"{store}sources:", StringComparison.Ordinal)
            .Replace("sqlite: itsm.db", "sqlite: itsm.db\n    store: local", StringComparison.Ordinal);
        using var file = new SampleFile(before + text);

        AssertOnly(file, IsError: false, key, line, problem, "");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("")]
    public void A_source_without_schedules_is_a_warning(string schedules)
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace("\n      daily: {cron: \"0 2 * * *\", retention: 7d}", $" {schedules}", StringComparison.Ordinal));

        AssertOnly(file, IsError: false, "sources.itsm", 4, "backed up only by hand", "schedules: {daily:");
    }

    private static void AssertOnly(SampleFile file, bool IsError, string key, int line, string problem, string mend)
    {
        var (configuration, problems) = file.Load();

        var only = Assert.Single(problems);
        Assert.Equal(IsError, only.IsError);
        Assert.Equal(IsError, configuration is null);
        Assert.Equal((key, line), (only.Key, only.Line));
        Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
        Assert.Contains(mend, only.Mend, StringComparison.Ordinal);
    }
}
