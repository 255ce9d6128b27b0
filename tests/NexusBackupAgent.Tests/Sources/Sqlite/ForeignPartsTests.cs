using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>
/// A database may need what only its application has, and its rows may break their own rules. Neither is damage: it is told
/// with its name, everything else is checked, and real damage beside it is found.
/// </summary>
public sealed class ForeignPartsTests : IDisposable
{
    // A table of its own beside what is tried: what happens to it has to be found.
    private const string Beside = "CREATE TABLE beside (id INTEGER PRIMARY KEY, word TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO beside SELECT i, 'word ' || i FROM n; CREATE INDEX beside_by_word ON beside (word);";

    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    // a function
    [InlineData("CREATE TABLE t (x TEXT CHECK (sound(x) > 0)); INSERT INTO t VALUES ('a'), ('b')", "not checked: CHECK of table t (only the application has the function sound())")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (sound(x)); INSERT INTO t VALUES ('a'), ('b')", "not checked: index i of table t (only the application has the function sound())")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (x) WHERE sound(x) > 0; INSERT INTO t VALUES ('a'), ('b')", "not checked: index i of table t (only the application has the function sound())")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE UNIQUE INDEX i ON t ([sound] /* ( */ (x)); INSERT INTO t VALUES ('a'), ('bb')", "not checked: index i of table t (only the application has the function sound())")]
    [InlineData("CREATE TABLE t (x TEXT, y GENERATED ALWAYS AS (sound(x)) STORED NOT NULL, z AS (sound(x)) NOT NULL); CREATE INDEX i ON t (z); INSERT INTO t (x) VALUES ('a'), ('b')", "not checked: rules and indexes of table t (only the application has the function sound())")]
    [InlineData("CREATE TABLE t (x TEXT CHECK (x REGEXP '^[a-z]$')); INSERT INTO t VALUES ('a')", "not checked: CHECK of table t (only the application has the function regexp())")]
    [InlineData("CREATE TABLE t (x TEXT CHECK (coalesce(sound(x), 0) > 0)); INSERT INTO t VALUES ('a')", "not checked: CHECK of table t (only the application has the function sound())")]
    // a collation
    [InlineData("CREATE TABLE t (x TEXT COLLATE japanese); CREATE INDEX i ON t (x); INSERT INTO t VALUES ('a'), ('b'), ('c')", "not checked: rules and indexes of table t (only the application has the collation japanese)")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (x COLLATE \"japanese\" DESC); INSERT INTO t VALUES ('a'), ('b'), ('c')", "not checked: index i of table t (only the application has the collation japanese)")]
    [InlineData("CREATE TABLE t (x TEXT COLLATE japanese PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)", "not checked: rules and indexes of table t (only the application has the collation japanese)")]
    [InlineData("CREATE TABLE p (x TEXT COLLATE japanese UNIQUE); CREATE TABLE t (x REFERENCES p (x)); INSERT INTO p VALUES ('a'), ('b'); INSERT INTO t VALUES ('a')", "not checked: foreign keys of table t (only the application has the collation japanese), rules and indexes of table p (only the application has the collation japanese)")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (ÄSound(x)); INSERT INTO t VALUES ('a')", "not checked: index i of table t (only the application has the function Äsound())")]
    // SQLite takes this mark for a space and we don't: whatever is not seen beforehand is told by SQLite's own words
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (sound \uFEFF(x)); INSERT INTO t VALUES ('a')", "not checked: table t (SQLite Error 1: 'unknown function: sound()'.)")]
    // named, and not needed for any row
    [InlineData("CREATE TABLE t (x TEXT CHECK (sound(x) > 0)); CREATE INDEX i ON t (x COLLATE japanese)", null)]
    [InlineData("CREATE TABLE t (x); CREATE VIEW v AS SELECT sound(x) FROM t; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT sound(new.x); END", null)]
    [InlineData("CREATE TABLE t (x DEFAULT (sound('a'))); INSERT INTO t VALUES (1)", null)]
    public async Task What_only_the_application_has_is_told_as_not_checked(string sql, string? note)
    {
        await MakeAsync(sql);
        AssertSound(note);
        await AssertDamageBesideIsFoundAsync();
    }

    [SkippableTheory]
    [InlineData("fts5(a)", "fts5(a, tokenize=signal_tokenizer)", "not checked: virtual table f (")]
    [InlineData("fts4(a)", "fts4(a, tokenize=icu de_DE)", "not checked: virtual table f (")]
    [InlineData("fts3(a)", "fts3(a, tokenize=mine)", "not checked: virtual table f (")]
    [InlineData("rtree(id, a, b)", "spatialindex(id, a, b)", "not checked: virtual table f (")]
    [InlineData("fts5(a)", "fts5(a)", null)]
    [InlineData("fts4(a)", "fts4(a)", null)]
    [InlineData("rtree(id, a, b)", "rtree(id, a, b)", null)]
    public async Task A_virtual_table_that_can_t_be_opened_stops_no_check(string made, string module, string? note)
    {
        await MakeAsync($"CREATE VIRTUAL TABLE f USING {made}; INSERT INTO f VALUES {(made.StartsWith("rtree", StringComparison.Ordinal) ? "(1, 2, 3)" : "('x')")}");
        await RewriteAsync("f", $"CREATE VIRTUAL TABLE f USING {module}");

        var check = Check();
        Assert.Null(check.Finding);
        Assert.Equal(note is null, check.Note is null);
        Assert.StartsWith(note ?? "", check.Note ?? "", StringComparison.Ordinal);
        await AssertDamageBesideIsFoundAsync();
    }

    [SkippableTheory]
    [InlineData("CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x'), ('y'); UPDATE f_content SET c0 = 'z' WHERE id = 1", "the file is sound, and its content breaks virtual table f: ")]
    [InlineData("CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES ('x'), ('y'); UPDATE f_content SET c0a = 'z' WHERE docid = 1", "the file is sound, and its content breaks virtual table f: malformed inverted index for FTS4 table main.f (1 time)")]
    [InlineData("CREATE VIRTUAL TABLE f USING rtree(id, a, b); INSERT INTO f VALUES (1, 2, 3); DELETE FROM f_rowid", "the file is sound, and its content breaks virtual table f: ")]
    [InlineData("CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x'); UPDATE f_data SET block = x'' WHERE id = 1", "")]
    [InlineData("CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x'); DROP TABLE f_config", "")]
    [InlineData("CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES ('x'); DROP TABLE f_content", "")]
    public async Task What_a_virtual_table_says_of_its_content_is_told_and_no_damage(string sql, string note)
    {
        await MakeAsync(sql);

        var check = Check();
        Assert.Null(check.Finding);
        Assert.Contains("virtual table f", check.Note, StringComparison.Ordinal);
        Assert.StartsWith(note, check.Note, StringComparison.Ordinal);
        await AssertDamageBesideIsFoundAsync();
    }

    [SkippableTheory]
    [InlineData("CREATE TABLE t (x); INSERT INTO t VALUES ('long'), ('longer'), (1)", "t", "CREATE TABLE t (x CHECK (length(x) < 3))", "CHECK (length(x) < 3) of table t (2 times)")]
    [InlineData("CREATE TABLE t (x, y); INSERT INTO t VALUES (NULL, 1)", "t", "CREATE TABLE t (x NOT NULL, y)", "NOT NULL of t.x (1 time)")]
    [InlineData("CREATE TABLE t (x, y); INSERT INTO t VALUES ('a', 'b')", "t", "CREATE TABLE t (x TEXT, y INT) STRICT", "the type of t.y (1 time)")]
    [InlineData("CREATE TABLE t (x, y); INSERT INTO t VALUES (1, 'b')", "t", "CREATE TABLE t (x TEXT, y)", "the type of t.x (1 time)")]
    [InlineData("CREATE TABLE t (x); INSERT INTO t VALUES (1), (1), (2); CREATE INDEX i ON t (x)", "i", "CREATE UNIQUE INDEX i ON t (x)", "UNIQUE of table t (index i) (1 time)")]
    [InlineData("CREATE TABLE t (x, k); INSERT INTO t VALUES (1, NULL); CREATE INDEX i ON t (k)", "t", "CREATE TABLE t (x, k NOT NULL)", "NOT NULL of t.k (1 time)")]
    [InlineData("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (x REFERENCES p); INSERT INTO t VALUES (7), (NULL), (8)", null, null, "foreign key from table t to p (2 times)")]
    [InlineData("CREATE TABLE t (x REFERENCES gone (id)); INSERT INTO t VALUES (7)", null, null, "foreign key from table t to gone (1 time)")]
    [InlineData("CREATE TABLE p (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE TABLE t (x, y, FOREIGN KEY (x, y) REFERENCES p); INSERT INTO t VALUES (7, 8)", null, null, "foreign key from table t to p (1 time)")]
    public async Task A_broken_rule_is_told_with_its_table_and_no_damage(string sql, string? rewritten, string? asWritten, string broken)
    {
        foreach (var mode in (string[])["delete", "wal"])
        {
            await MakeAsync(sql, mode);
            if (rewritten is not null)
                await RewriteAsync(rewritten, asWritten!);
            AssertSound($"the file is sound, and its content breaks {broken}");
        }

        await AssertDamageBesideIsFoundAsync();
    }

    [SkippableTheory]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (upper(x)); INSERT INTO t VALUES ('ä'), ('b'), ('ö')", "index i of table t (it is not as SQLite's own function upper()")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE UNIQUE INDEX i ON t (x) WHERE upper(x) <> 'Ä' -- of some\n; INSERT INTO t VALUES ('ä'), ('b'), ('ö')", "index i of table t (it is not as SQLite's own function upper()")]
    [InlineData("CREATE TABLE t (x TEXT, y AS (upper(x))); CREATE INDEX i ON t (y, x); INSERT INTO t VALUES ('ä'), ('b'), ('ö')", "index i of table t (it is not as SQLite's own function upper()")]
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (x LIKE 'Ä%', x); INSERT INTO t VALUES ('ä'), ('b'), ('ö')", "index i of table t (it is not as SQLite's own function like()")]
    [InlineData("CREATE TABLE t (rowid, x TEXT COLLATE NOCASE UNIQUE); INSERT INTO t (x) VALUES ('ab'), ('äc'), ('b'), ('j q'), ('J Q'), ('öd'), ('p'), ('z')", "index sqlite_autoindex_t_1 of table t (it is not as SQLite's own collation nocase")]
    [InlineData("CREATE TABLE t (x TEXT COLLATE NOCASE PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO t VALUES ('ab', 1), ('äc', 1), ('b', 1), ('öd', 1), ('p', 1), ('z', 1)", "the order of table t (it is not as SQLite's own collation nocase")]
    public async Task What_an_application_has_in_place_of_SQLite_s_own_is_no_damage(string sql, string note)
    {
        await MakeAsync(sql);
        var check = Check();
        Assert.Null(check.Finding);
        Assert.StartsWith($"not checked: {note} would have it: ", check.Note, StringComparison.Ordinal);
        await AssertDamageBesideIsFoundAsync();
    }

    /// <summary>Not even where one application has an order of its own is it taken for one when a key is not that of its row.</summary>
    [SkippableTheory]
    [InlineData("word COLLATE NOCASE", "")]
    [InlineData("word COLLATE NOCASE, upper(word)", "")]
    [InlineData("word, lower(word)", " WHERE id > 3")]
    public async Task A_key_that_is_not_that_of_its_row_is_damage_under_every_order(string keys, string where)
    {
        await MakeAsync("DROP TABLE IF EXISTS t");
        var sql = $"CREATE INDEX i ON beside ({keys}){where}";
        await SqliteSamples.SqlAsync(temp["a.db"], sql);
        await RewriteAsync("i", where.Length > 0 ? sql + " AND id <> 77" : sql + " WHERE id <> 77");
        await SqliteSamples.SqlAsync(temp["a.db"], "UPDATE beside SET word = 'Word 78' WHERE id = 77");
        await RewriteAsync("i", sql);
        Assert.Equal("row 77 missing from index i", Check().Finding);
    }

    [SkippableTheory]
    [InlineData("SELECT count(*) FROM t", "3")]
    [InlineData("SELECT max(x) FROM t", "a")] // in the order that its index is made in
    [InlineData("SELECT v FROM old", "none")]
    [InlineData("SELECT count(*) FROM t WHERE y = 'zzz' COLLATE nocase", "0")]
    public async Task A_probe_is_answered_where_the_answer_does_not_depend_on_what_is_missing(string probe, string answer)
    {
        await MakeAsync("CREATE TABLE t (x TEXT COLLATE japanese, y, z AS (sound(y))); CREATE INDEX i ON t (x); CREATE INDEX s ON t (z); INSERT INTO t (x, y) VALUES ('a', 'k'), ('b', 'l'), ('c', 'm'); CREATE VIEW old AS SELECT \"none\" AS v");
        Assert.Equal(new ProbeAnswer(HasRow: true, answer), SqliteProbe.Ask(temp["a.db"], probe, CancellationToken.None));
    }

    [SkippableTheory]
    [InlineData("SELECT count(*) FROM t WHERE x > 'a'", "it needs the collation japanese, which only the application has")]
    [InlineData("SELECT max(sound(x)) FROM t", "it needs the function sound(), which only the application has")]
    public async Task A_probe_that_depends_on_what_is_missing_is_not_answered_wrongly(string probe, string why)
    {
        await MakeAsync("CREATE TABLE t (x TEXT COLLATE japanese CHECK (sound(x) > 0)); INSERT INTO t VALUES ('a'), ('b')");
        var refusal = Assert.Throws<BackupException>(() => SqliteProbe.Ask(temp["a.db"], probe, CancellationToken.None));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_foreign_key_that_SQLite_can_t_check_is_told()
    {
        await MakeAsync("CREATE TABLE p (id INTEGER); CREATE TABLE t (x REFERENCES p (id)); INSERT INTO t VALUES (7)");
        var check = Check();
        Assert.Null(check.Finding);
        Assert.StartsWith("not checked: foreign keys of table t (", check.Note, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Damage_behind_many_broken_rules_is_found()
    {
        await MakeAsync("CREATE TABLE a (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO a SELECT NULL FROM n");
        await RewriteAsync("a", "CREATE TABLE a (x NOT NULL, CHECK (typeof(x) <> 'null'))");
        AssertSound("the file is sound, and its content breaks CHECK (typeof(x) <> 'null') of table a (5000 times), NOT NULL of a.x (5000 times)");
        await AssertDamageBesideIsFoundAsync();
    }

    [SkippableTheory]
    [InlineData("CREATE TABLE t (x CHECK (x IN (\"a\", \"b\"))); INSERT INTO t VALUES ('a')", null)]
    [InlineData("CREATE TABLE t (x); CREATE INDEX i ON t (x) WHERE x <> \"none\"; INSERT INTO t VALUES ('a')", null)]
    [InlineData("CREATE TABLE t (x CONSTRAINT c CHECK (\n x <> ')' -- (\n), y \"check\", /* CHECK (0) */ check ((y > 0))); INSERT INTO t VALUES ('a', 0), ('b', 0), ('c', 1)", "the file is sound, and its content breaks CHECK ((y > 0)) of table t (2 times)")]
    [InlineData("CREATE TABLE t (a); CREATE VIRTUAL TABLE f USING fts5(a, content=t); INSERT INTO t VALUES ('x')", null)]
    [InlineData("CREATE TABLE t (x); CREATE INDEX i ON t (soundex(x)); INSERT INTO t VALUES ('a')", "not checked: index i of table t (only the application has the function soundex())")]
    [InlineData("CREATE TABLE t (x UNIQUE, y AS (x || 'a')); CREATE INDEX i ON t (lower(y)); INSERT INTO t VALUES ('a'), ('b'); ANALYZE; CREATE VIEW \"a \"\" ( view\" AS SELECT \"none\" FROM beside", null)]
    [InlineData("CREATE TABLE \"5\" (\"a ( b\" TEXT COLLATE NOCASE PRIMARY KEY, c INTEGER) STRICT, WITHOUT ROWID; INSERT INTO \"5\" VALUES ('a', 1)", null)]
    public async Task What_old_and_new_schemas_write_is_understood(string sql, string? note)
    {
        await MakeAsync(sql);
        AssertSound(note);
        await AssertDamageBesideIsFoundAsync();
    }

    private ContentCheck Check() => SqliteIntegrity.Check(temp["a.db"], CancellationToken.None);

    private void AssertSound(string? note)
    {
        var check = Check();
        Assert.Null(check.Finding);
        Assert.Equal(note, check.Note);
    }

    /// <summary>As an application makes it, which has a collation and a function of its own, and keeps no foreign keys.</summary>
    private async Task MakeAsync(string sql, string journalMode = "delete")
    {
        Need.Tool("python3");
        File.Delete(temp["a.db"]);
        await Shell.RunAsync("python3", "-c", """
            import sqlite3, sys, re, unicodedata
            db = sqlite3.connect(sys.argv[1])
            db.create_collation('japanese', lambda a, b: (a < b) - (a > b))
            for name in ('sound', 'soundex'):
                db.create_function(name, 1, len, deterministic=True)
            db.create_function('ÄSound', 1, len, deterministic=True)
            db.create_function('upper', 1, lambda x: x and x.upper(), deterministic=True)
            db.create_function('like', 2, lambda p, x: x.upper().startswith(p.upper()[:-1]), deterministic=True)
            plain = lambda x: (unicodedata.normalize('NFKD', x.casefold()), x if ' ' in x else '') # two that SQLite takes for one
            db.create_collation('NOCASE', lambda a, b: (plain(a) > plain(b)) - (plain(a) < plain(b)))
            db.create_function('regexp', 2, lambda p, x: re.search(p, x) is not None, deterministic=True)
            db.execute('PRAGMA journal_mode=' + sys.argv[3])
            db.execute('PRAGMA ignore_check_constraints=ON')
            db.executescript(sys.argv[2])
            db.close()
            """, temp["a.db"], $"{sql};{Beside}", journalMode);
    }

    /// <summary>Gives something of the schema another text than it was made with.</summary>
    private Task RewriteAsync(string name, string sql) => SqliteSamples.SqlAsync(
        temp["a.db"], $"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '{sql.Replace("'", "''", StringComparison.Ordinal)}' WHERE name = '{name}'");

    /// <summary>A row that an index lacks, and a page that is none.</summary>
    private async Task AssertDamageBesideIsFoundAsync()
    {
        await SqliteSamples.SqlAsync(temp["a.db"], "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'word)', 'word) /* */ WHERE id <> 77') WHERE name = 'beside_by_word'");
        await SqliteSamples.SqlAsync(temp["a.db"], "REINDEX beside_by_word; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX beside_by_word ON beside (word)' WHERE name = 'beside_by_word'");
        Assert.Matches(@"^wrong # of entries in index beside_by_word \(and 1 more finding: PRAGMA integrity_check(\(""beside""\))? of the expanded file lists them\)\z", Check().Finding);

        var root = await SqliteSamples.SqlAsync(temp["a.db"], "SELECT rootpage FROM sqlite_schema WHERE name = 'beside'");
        await using (var file = File.OpenWrite(temp["a.db"]))
        {
            file.Position = (int.Parse(root, System.Globalization.CultureInfo.InvariantCulture) - 1) * 4096;
            file.Write(Some.Noise(4096));
        }

        Assert.NotNull(Check().Finding);
    }
}
