using System.Diagnostics;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Databases with data in them, made and written by SQLite in other processes, as an application's are.</summary>
internal static class SqliteSamples
{
    /// <summary>Moves money between accounts: the sum over both tables never changes and every transfer is in the log.</summary>
    private const string Writer = """
        import sqlite3, sys, threading, random
        path, mode, checkpoint = sys.argv[1], sys.argv[2], sys.argv[3]
        db = sqlite3.connect(path, timeout=60, isolation_level=None)
        db.execute('PRAGMA journal_mode=' + mode)
        db.execute('PRAGMA synchronous=OFF')
        if checkpoint != 'auto':
            db.execute('PRAGMA wal_autocheckpoint=0')
        stop = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        count = 0
        while not stop.is_set():
            db.execute('BEGIN IMMEDIATE')
            a, b, amount = random.randrange(2000), random.randrange(2000), random.randrange(100)
            db.execute('UPDATE debit SET amount = amount - ? WHERE id = ?', (amount, a))
            db.execute('UPDATE credit SET amount = amount + ? WHERE id = ?', (amount, b))
            db.execute('INSERT INTO log (amount, note) VALUES (?, ?)', (amount, 'x' * random.randrange(1500)))
            db.execute('UPDATE total SET transfers = transfers + 1')
            if count % 7 == 0:
                db.execute('DELETE FROM log WHERE id % 3 = 0 AND id < (SELECT max(id) FROM log) - 400')
            db.execute('COMMIT')
            count += 1
            if checkpoint not in ('auto', 'none') and count % 3 == 0:
                kind = random.choice(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE']) if checkpoint == 'any' else checkpoint
                db.execute('PRAGMA busy_timeout=1')
                db.execute('PRAGMA wal_checkpoint(%s)' % kind).fetchall()
                db.execute('PRAGMA busy_timeout=60000')
            if count == 20:
                print('writing', flush=True)
        print(count, flush=True)
        """;

    private const string Ledger = """
        CREATE TABLE debit (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, filler TEXT);
        CREATE TABLE credit (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, filler TEXT);
        CREATE TABLE log (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, note TEXT);
        CREATE INDEX log_by_note ON log (note);
        CREATE TABLE total (transfers INTEGER NOT NULL);
        INSERT INTO total VALUES (0);
        WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) INSERT INTO debit SELECT i, 1000, hex(zeroblob(60)) FROM n;
        INSERT INTO credit SELECT id, 0, filler FROM debit;
        """;

    /// <summary>Runs SQL in the <c>sqlite3</c> shell.</summary>
    public static Task<string> SqlAsync(string database, string sql)
    {
        Need.Tool("sqlite3");
        return Shell.RunAsync("sqlite3", "-bail", "-cmd", ".timeout 30000", database, sql);
    }

    /// <summary>Everything in a database as SQL, to be compared.</summary>
    public static async Task<string> DumpAsync(string database)
    {
        Need.Tool("sqlite3");
        return await Shell.RunAsync("sqlite3", database, ".dump");
    }

    /// <summary>Makes a database with an invariant: debit and credit always sum up to 2,000,000.</summary>
    public static Task LedgerAsync(string database, string journalMode, int pageSize = 4096, string before = "") =>
        SqlAsync(database, $"PRAGMA page_size = {pageSize}; {before} PRAGMA journal_mode = {journalMode}; BEGIN; {Ledger} COMMIT;");

    /// <summary>Asserts that a copy is a sound database whose transactions are all there or not at all.</summary>
    /// <returns>How many transfers it holds.</returns>
    public static async Task<int> AssertLedgerAsync(string database)
    {
        var answer = await SqlAsync(database, "PRAGMA integrity_check; SELECT (SELECT sum(amount) FROM debit) + (SELECT sum(amount) FROM credit); SELECT transfers FROM total;");
        var lines = answer.Split('\n');
        Assert.Equal(["ok", "2000000"], lines[..2]);
        return int.Parse(lines[2], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Starts a process that commits without a pause until it is disposed.</summary>
    /// <param name="checkpoint"><c>auto</c>, <c>none</c>, <c>any</c>, or a kind.</param>
    public static async Task<RunningWriter> WriteAsync(string database, string journalMode, string checkpoint = "auto")
    {
        Need.Tool("python3");
        var process = Shell.Start("python3", "-c", Writer, database, journalMode, checkpoint);
        if (await process.StandardOutput.ReadLineAsync() != "writing")
            Assert.Fail(await process.StandardError.ReadToEndAsync());
        return new RunningWriter(process);
    }

    /// <summary>Starts a process that runs Python with <c>db</c> connected, says <c>ready</c>, and holds on until it is disposed.</summary>
    public static async Task<RunningWriter> HoldAsync(string database, string python)
    {
        Need.Tool("python3");
        var process = Shell.Start("python3", "-c", $"import sqlite3, sys, os\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n{python}\nprint('ready', flush=True)\nsys.stdin.read()\nprint(0)", database);
        if (await process.StandardOutput.ReadLineAsync() != "ready")
            Assert.Fail(await process.StandardError.ReadToEndAsync());
        return new RunningWriter(process);
    }
}

/// <summary>A process that works on a database.</summary>
internal sealed class RunningWriter(Process process) : IAsyncDisposable
{
    private bool ended;

    public int Id => process.Id;

    /// <summary>Kills it as the out-of-memory killer would.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        ended = true;
    }

    /// <summary>Lets it finish its transaction and end.</summary>
    /// <returns>How many transactions it committed.</returns>
    public async Task<int> StopAsync()
    {
        ended = true;
        process.StandardInput.Close();
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await process.StandardError.ReadToEndAsync());
        return int.Parse(said, System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        if (!ended)
            await KillAsync();
        process.Dispose();
    }
}
