using System.Globalization;
using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A cluster that was put together and recovered in a directory beside its target.</summary>
/// <param name="work">Empty; removed when this is disposed.</param>
/// <param name="database">In which probes are asked; one that is not there: another one.</param>
internal sealed class PreparedCluster(ClusterTarget target, PostgresTools tools, ServerUser user, string work, string? database, TimeProvider timeProvider) : IPreparedRestore
{
    /// <summary>The data directory in the working one.</summary>
    public const string Data = "data";

    /// <summary>Says where tablespaces are made.</summary>
    public const string TablespaceNote = "tablespaces.note";

    private const string Wal = "wal";
    private const string Changes = "changes";
    private const int SyncsAtOnceSince = 14;
    private const string UnknownDatabase = "3D000";

    private static readonly TimeSpan ForCheck = TimeSpan.FromHours(24);

    private readonly RestoredTablespaces tablespaces = new(target.Moves, target.IsDrill ? Path.Combine(work, "tablespaces") : null, user, Path.Combine(work, TablespaceNote));
    private string? safety;
    private bool isMoved;
    private bool isInPlace;
    private ClusterLimits limits = ClusterLimits.Standard;
    private int segmentSize;
    private PrivateServer? server;

    public ContentCheck Check { get; private set; } = new(Finding: null);

    public RestoredPlace Place => new(target.Path, user.Owner, safety, [], safety is null ? "" : $"rm -r {ToolProcess.Line([target.Path])}; mv {ToolProcess.Line([safety, target.Path])}");

    private string DataPath => Path.Combine(work, Data);

    private string WalPath => Path.Combine(work, Wal);

    /// <summary>Puts the files together, has PostgreSQL recover them, and looks at what came of it.</summary>
    public async Task MakeAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        try
        {
            SafeFile.MakeDirectory(DataPath, FileOwner.OwnersDirectory, inherit: false);
            SafeFile.MakeDirectory(WalPath, FileOwner.OwnersDirectory, inherit: false);
            if (target.IsDrill)
                user.MakeWay(Path.Combine(work, "tablespaces"));
            var facts = await new ClusterCheck(chain, () => Path.Combine(work, Changes)).ReadAsync(new ClusterSinks(new DirectorySink(DataPath, tablespaces), new DirectorySink(WalPath, tablespaces: null)), cancellationToken);
            Check = facts.Check;
            if (facts.Check.Finding is not null)
                return;
            (limits, segmentSize) = (facts.Control!.Limits, facts.Control.SegmentSize);
            await File.WriteAllTextAsync(Path.Combine(DataPath, "recovery.signal"), "", cancellationToken);
            tablespaces.RequireKnown();
            tablespaces.Directories.ToList().ForEach(GiveAll);
            GiveAll(DataPath);
            GiveAll(WalPath);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure) && failure is not BackupException)
        {
            throw IoFailure.Translate(failure, $"restore '{target.Path}'", target.Volume);
        }

        try
        {
            foreach (var directory in (string[])[WalPath, Path.Combine(DataPath, "pg_wal")])
                await TablespaceWal.RequireNoneAsync(tools, PrivateServer.MajorOf(DataPath), directory, segmentSize, timeProvider, cancellationToken);
            server = await StartAsync(RecoverySettings(at), cancellationToken);
        }
        catch (BackupException failure) when (at is { } instant && failure.Kind == FailureKind.Restore && ControlFile.Parse(File.ReadAllBytes(Path.Combine(DataPath, ControlFile.Path))).IsInsideBackup)
        {
            throw new NotThatEarlyException($"{chain.Links[0].Name} was still being written at {instant.ToUniversalTime():yyyy-MM-dd HH:mm:ss}Z", "choose a later time with --at");
        }

        if (at is null && chain.Links.Count > 1)
            RequireWholeWal(chain);
        if (target.IsDrill)
            await AmcheckAsync(cancellationToken);
        await StopAsync();
    }

    public async Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken)
    {
        server ??= await StartAsync(new Dictionary<string, string>(StringComparer.Ordinal), cancellationToken);
        try
        {
            await using var connection = await OpenAsync(server, cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using (var readOnly = new NpgsqlCommand("SET TRANSACTION READ ONLY", connection, transaction))
                await readOnly.ExecuteNonQueryAsync(cancellationToken);
            await using var command = new NpgsqlCommand(question, connection, transaction) { AllResultTypesAreUnknown = true };
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            if (!await row.ReadAsync(cancellationToken) || row.FieldCount == 0)
                return new ProbeAnswer(HasRow: false, Text: null);
            return new ProbeAnswer(HasRow: true, await row.IsDBNullAsync(0, cancellationToken) ? null : row.GetString(0));
        }
        catch (NpgsqlException refused)
        {
            throw new BackupException(FailureKind.Restore, $"the probe could not be asked: {(refused as PostgresException)?.MessageText ?? refused.Message}", "write one SELECT that answers with one row", refused);
        }
    }

    public async Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
    {
        await StopAsync();
        if (!target.Exists)
            return;
        if (!context.MayReplace)
            throw new BackupException(FailureKind.Restore, $"'{target.Path}' was made meanwhile", $"see whose it is (ls -la '{target.Path}'); --force replaces it and keeps it as {target.SafetyForm}");
        safety = target.SafetyName(context.Now, context.Zone);
        context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
    }

    public void Switch(RestoreContext context)
    {
        context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored cluster in place of {target.Path}"));
        if (target.Users() is { Count: > 0 } users)
            throw target.InUse(users);
        target.Guard("replace", () =>
        {
            tablespaces.Switch(DataPath);
            if (safety is not null && TryExchange(safety))
                return;
            if (safety is not null)
            {
                SafeFile.Move(target.Path, safety);
                isMoved = true;
            }
            else if (Directory.Exists(target.Path))
            {
                Directory.Delete(target.Path); // an empty one
            }

            SafeFile.Move(DataPath, target.Path);
            isInPlace = true;
        });
    }

    /// <summary>Has the two change names in one step, so that at each instant there is a cluster in the place. Until then the new one has the old one's new name, and nothing that a later restore removes.</summary>
    /// <returns>False: the file system knows no such step.</returns>
    private bool TryExchange(string name)
    {
        SafeFile.Move(DataPath, name);
        try
        {
            isInPlace = SafeFile.TryExchange(name, target.Path);
        }
        finally
        {
            if (!isInPlace)
                SafeFile.Move(name, DataPath);
        }

        return isInPlace;
    }

    public BackupException? RollBack()
    {
        try
        {
            if (!isInPlace)
                target.Guard("clean up the tablespaces of", tablespaces.RollBack);
            if (isMoved && !target.Exists)
                target.Guard("put back", () => SafeFile.Move(safety!, target.Path));
            safety = null;
            return null;
        }
        catch (BackupException failure)
        {
            return new BackupException(failure.Kind, $"{failure.Message}; the old one is kept as '{safety}'", failure.Hint, failure);
        }
    }

    public void MakeDurable() => target.Guard("sync the directory of", () =>
    {
        tablespaces.MakeDurable();
        DurableDirectory.Sync(target.Volume);
    });

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        tablespaces.Remove();
        user.Remove(work);
    }

    private async Task StopAsync()
    {
        if (server is null)
            return;
        await server.DisposeAsync();
        server = null;
        File.Delete(Path.Combine(DataPath, "postmaster.opts")); // it tells how the private one was started
    }

    private Task<PrivateServer> StartAsync(Dictionary<string, string> settings, CancellationToken cancellationToken)
    {
        settings["max_connections"] = Text(limits.Connections);
        settings["max_worker_processes"] = Text(limits.Workers);
        settings["max_wal_senders"] = Text(limits.WalSenders);
        settings["max_prepared_transactions"] = Text(limits.PreparedTransactions);
        settings["max_locks_per_transaction"] = Text(limits.LocksPerTransaction);
        settings["fsync"] = target.IsDrill ? "off" : "on";
        if (PrivateServer.MajorOf(DataPath) >= SyncsAtOnceSince && OperatingSystem.IsOSPlatformVersionAtLeast("Linux", 5, 8))
            settings["recovery_init_sync_method"] = "syncfs"; // one flush, where the server otherwise flushes each file; older kernels don't tell of every failure
        return PrivateServer.StartAsync(tools, user, DataPath, settings, cancellationToken);

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    private Dictionary<string, string> RecoverySettings(DateTimeOffset? at)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["restore_command"] = $"cp {ToolProcess.Line([WalPath]).Replace("%", "%%", StringComparison.Ordinal)}/%f %p",
            ["recovery_target_action"] = "promote",
            ["recovery_target_timeline"] = "latest",
        };
        if (at is { } instant)
            settings["recovery_target_time"] = instant.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.ffffff'+00'", CultureInfo.InvariantCulture);
        return settings;
    }

    /// <summary>A recovery that finds no more WAL ends without a word; where it ended, the new timeline's history says.</summary>
    private void RequireWholeWal(StoredChain chain)
    {
        var last = Directory.EnumerateFiles(WalPath).Select(Path.GetFileName).Where(name => name is not null && !WalSegment.IsHistory(name)).Order(StringComparer.Ordinal).LastOrDefault();
        var history = Directory.EnumerateFiles(Path.Combine(DataPath, "pg_wal"), "*.history").Order(StringComparer.Ordinal).LastOrDefault();
        if (last is null || history is null)
            return;
        var words = File.ReadLines(history).Last(line => line.Length > 0).Split('\t');
        var size = (int)new FileInfo(Path.Combine(WalPath, last)).Length;
        if (WalSegment.TryParse(last, size, out var segment) && words.Length > 1 && Lsn.Parse(words[1]).Value < segment.End.Value)
            throw chain.Tip.Refuse($"recovery ended at {words[1]}, before the end of its WAL at {segment.End}");
    }

    private async Task<NpgsqlConnection> OpenAsync(PrivateServer at, CancellationToken cancellationToken)
    {
        try
        {
            return await at.OpenAsync(database, cancellationToken);
        }
        catch (PostgresException none) when (none.SqlState == UnknownDatabase)
        {
            return await at.OpenAsync(database: null, cancellationToken);
        }
    }

    /// <summary>Looks at every table and index, as PostgreSQL's own check does.</summary>
    private async Task AmcheckAsync(CancellationToken cancellationToken)
    {
        PostgresToolFile amcheck;
        try
        {
            amcheck = await tools.FindAsync("pg_amcheck", PrivateServer.MajorOf(DataPath), ToolFit.SameOrNewer, cancellationToken);
        }
        catch (BackupException missing) when (missing.Kind == FailureKind.Configuration)
        {
            Check = Check with { Note = $"tables and indexes were not looked at: {missing.Message}" };
            return;
        }

        var result = await ToolProcess.RunAsync(
            [amcheck.Path, "--all", "--install-missing", "--host", server!.Sockets, "--port", "5432", "--username", server.Role, "--no-password", "--jobs", "2"], ForCheck, timeProvider, cancellationToken);
        Check = result.ExitCode switch
        {
            0 => Check,
            2 => Check with { Finding = $"pg_amcheck: {result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault()}" },
            _ => Check with { Note = $"tables and indexes were not looked at: pg_amcheck ended with {result.ExitCode}: {result.LastLine}" },
        };
    }

    /// <summary>PostgreSQL refuses a data directory that is somebody else's.</summary>
    private void GiveAll(string directory)
    {
        if (user.Owner is not { } owner)
            return;
        foreach (var file in Directory.EnumerateFiles(directory))
        {
            using var open = SafeFile.Open(file, FileAccess.Read);
            SafeFile.Give(open, owner with { Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        }

        foreach (var below in Directory.EnumerateDirectories(directory).Where(below => new DirectoryInfo(below).LinkTarget is null))
            GiveAll(below);
        user.Give(directory);
    }

    /// <summary>Makes the files of an archive in a directory of its own.</summary>
    /// <param name="tablespaces">Where they go; null: there are none.</param>
    private sealed class DirectorySink(string root, RestoredTablespaces? tablespaces) : IClusterSink
    {
        private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        public Stream? Open(ArchiveFile file)
        {
            var path = Path.Combine(root, file.Path);
            if (file.IsDirectory)
            {
                Directory.CreateDirectory(path, FileOwner.OwnersDirectory);
                return null;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!, FileOwner.OwnersDirectory);
            if (tablespaces is not null && file.Path == TablespaceMap.Path)
                return new SmallFileStream(content => File.WriteAllBytes(path, tablespaces.Make(TablespaceMap.Parse(content), root)));
            return new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = Mode });
        }
    }
}
