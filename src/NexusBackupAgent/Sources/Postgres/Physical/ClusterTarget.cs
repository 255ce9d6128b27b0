using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The data directory that a restore makes: beside it the backup is put together and recovered, then both change names.</summary>
internal sealed partial class ClusterTarget : IRestoreTarget
{
    public const string Ending = ".restoring";

    private const int OwnLength = 19; // .01234567.restoring

    private readonly PostgresTools tools;
    private readonly FilePlace? live;
    private readonly FilePlace? place;
    private readonly ScratchDirectory? scratch;
    private readonly string? database;
    private readonly TimeProvider timeProvider;

    /// <param name="liveDirectory">The live cluster's data directory; null: not known.</param>
    /// <param name="to">Absolute; null: over the live one.</param>
    /// <param name="scratch">The agent's own space: what is restored into it is for practice alone.</param>
    /// <param name="database">In which probes are asked.</param>
    public ClusterTarget(PostgresTools tools, string? liveDirectory, string? to, ScratchDirectory scratch, string? database, TimeProvider timeProvider)
    {
        this.tools = tools;
        this.database = database;
        this.timeProvider = timeProvider;
        live = liveDirectory is null ? null : FilePlace.Behind(liveDirectory);
        place = to is null ? live : new FilePlace(KernelPath.Resolve(to));
        this.scratch = place?.Path.StartsWith(KernelPath.Resolve(scratch.Path) + "/", StringComparison.Ordinal) == true ? scratch : null;
    }

    /// <summary>Where tablespaces go that do not go to their old place.</summary>
    public IReadOnlyList<PlaceMove> Moves { get; init; } = [];

    /// <summary>Whether it is for practice alone.</summary>
    public bool IsDrill => scratch is not null;

    public string Path => place!.Path;

    public string Location => place?.Path ?? "the live cluster's data directory";

    public string Volume => place is null ? "/" : IsDrill ? Path : place.Directory;

    public string? SpaceCommand => ToolProcess.Line(["df", "-h", Volume]);

    public string LookCommand => ToolProcess.Line(["sudo", "ls", "-la", Volume]);

    public bool IsLive => place is not null && live is not null && place.IsSameAs(live);

    public bool Exists => place is not null && Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any();

    public long Length => 0; // the old one keeps its files, under another name

    public string SafetyForm => $"{place?.Name}.pre_restore.<time>";

    public string UnfinishedForm => System.IO.Path.Combine(Volume, $".{place?.Name}.*{Ending}");

    public IReadOnlyList<FileUser> Users() => place is not null && RunningServer.Find(Path) is { } server ? [server] : [];

    public IReadOnlyList<string> Leftovers => place is not null && !IsDrill && Directory.Exists(place.Directory)
        ? [.. Directory.EnumerateDirectories(place.Directory, $".{place.Name}.*{Ending}").Where(directory => OwnName().IsMatch(System.IO.Path.GetFileName(directory)[(place.Name.Length + 1)..])).Order(StringComparer.Ordinal)]
        : [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden)
    {
        if (place is null)
            return new(FailureKind.Configuration, "the live cluster's data directory is not known, so nothing can be restored over it", "write dataDirectory: in the source (SHOW data_directory), or restore elsewhere with --to");
        if (File.Exists(Path))
            return new(FailureKind.Restore, $"'{Path}' is a file", "name a directory that is not there yet");
        if (!Directory.Exists(place.Directory))
            return new(FailureKind.Restore, $"cannot restore to '{Path}': its directory does not exist", $"mount its disk, or make it: mkdir -p '{place.Directory}'");
        if (Mount.IsAt(Path))
            return new(FailureKind.Restore, $"'{Path}' is mounted by itself, and what is mounted can't be replaced", "restore to a directory inside of it with --to");
        if (!IsDrill && !IsLive && forbidden.FirstOrDefault(taken => place.IsSameAs(new FilePlace(taken)) || place.IsBelow(taken)) is { } own)
            return new(FailureKind.Restore, $"cannot restore to '{Path}': '{own}' belongs to the agent itself", "name a place of its own with --to");
        if (!FileOwner.CanWriteIn(place.Directory))
            return new(FailureKind.Permission, $"cannot restore to '{Path}': the user {SystemUser.Current.Name} may not write in '{place.Directory}', or it is mounted read-only", $"look at it (ls -ld '{place.Directory}'), run as root, or restore elsewhere with --to");
        return null;
    }

    public async Task<IReadOnlyList<RestoredPart>?> PartsAsync(StoredChain chain, CancellationToken cancellationToken) =>
        await WalEnds.TablespacesOfAsync(chain.Links.Last(link => link.Type != BackupType.Incremental), cancellationToken) switch
        {
            null => null,
            { Count: 0 } none => RestoredTablespaces.Plan(none, Moves, new ServerUser(Owner: null)),
            var tablespaces => Guard("look at the places of the tablespaces of", () => RestoredTablespaces.Plan(tablespaces, Moves, ServerUser.Choose(live?.Path))),
        };

    public long RoomFor(long content) => content;

    public long? Available() => Directory.Exists(Volume) ? Guard("look at the free space of", () => new DriveInfo(Volume).AvailableFreeSpace) : null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{Path}.pre_restore.{TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        var free = name;
        for (var duplicate = 1; Directory.Exists(free); duplicate++)
            free = $"{name}-{duplicate}";
        return free;
    }

    public IDisposable Lock()
    {
        var alone = Guard("lock", () => RestoreLock.TryAcquire(System.IO.Path.Combine(place!.Directory, $".{place.Name}.restore.lock"))) ??
            throw new BackupException(FailureKind.Locked, $"another restore to '{Path}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
        try
        {
            foreach (var left in Leftovers)
            {
                RunningServer.End(System.IO.Path.Combine(left, PreparedCluster.Data));
                var user = ServerUser.Choose(live?.Path);
                Guard("clean up the tablespaces of", () => RestoredTablespaces.RemoveLeft(System.IO.Path.Combine(left, PreparedCluster.TablespaceNote), user, IsOwn));
                Guard("clean up beside", () => user.Remove(left));
            }

            return alone;
        }
        catch
        {
            alone.Dispose();
            throw;
        }
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var user = ServerUser.Choose(live?.Path);
        var work = Guard("make a directory beside", () => NewDirectory(user));
        var prepared = new PreparedCluster(this, tools, user, work, database, timeProvider);
        try
        {
            await prepared.MakeAsync(chain, at, cancellationToken);
            return prepared;
        }
        catch
        {
            await prepared.DisposeAsync();
            throw;
        }
    }

    public T Guard<T>(string action, Func<T> work) => IoFailure.Guard($"{action} '{Path}'", Volume, work);

    public void Guard(string action, Action work) => IoFailure.Guard($"{action} '{Path}'", Volume, work);

    private string NewDirectory(ServerUser user)
    {
        var parent = Volume;
        if (scratch is not null && user.Owner is not null)
            LetThrough(parent);
        var work = System.IO.Path.Combine(parent, $".{place!.Name}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}{Ending}");
        if (user.Obstacle(parent) is { } closed)
            throw new BackupException(FailureKind.Permission, $"cannot restore to '{Path}': the user {new SystemUser(user.Owner!.Value.User).Name}, as whom PostgreSQL runs, can't go through '{closed}'", $"let others go through it (chmod o+x '{closed}'), or {(IsDrill ? "set scratch to another directory" : "restore elsewhere with --to")}");
        user.MakeWay(work);
        return work;
    }

    /// <summary>Lets the server's user go through the agent's own directories, whose names nobody can list, to what is his in them.</summary>
    private void LetThrough(string directory)
    {
        var root = KernelPath.Resolve(scratch!.Path);
        for (var way = directory; way.Length >= root.Length; way = System.IO.Path.GetDirectoryName(way)!)
        {
            if (FileStatus.Of(way) is { User: 0 } status && !status.Mode.HasFlag(UnixFileMode.OtherExecute))
                File.SetUnixFileMode(way, status.Mode | UnixFileMode.OtherExecute);
        }
    }

    /// <summary>Whether a directory is one that a restore makes beside the place of a tablespace.</summary>
    private static bool IsOwn(string directory) => System.IO.Path.GetFileName(directory) is ['.', .. { Length: > 0 } name] && OwnName().IsMatch(name[Math.Max(0, name.Length - OwnLength)..]);

    [GeneratedRegex(@"^\.[0-9a-f]{8}\.restoring\z", RegexOptions.ExplicitCapture)]
    private static partial Regex OwnName();
}

/// <summary>The server that runs on a data directory.</summary>
internal static class RunningServer
{
    /// <returns>Null when none does.</returns>
    public static FileUser? Find(string data)
    {
        try
        {
            var file = Path.Combine(data, "postmaster.pid");
            return File.Exists(file)
                && int.TryParse(File.ReadLines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                && new DirectoryInfo($"/proc/{process}/cwd").LinkTarget == KernelPath.Resolve(data)
                ? new FileUser(process, $"postgres -D {data}")
                : null;
        }
        catch (Exception unreadable) when (IoFailure.IsKnown(unreadable))
        {
            return null;
        }
    }

    /// <summary>Ends one that a killed agent left.</summary>
    public static void End(string data)
    {
        if (Find(data) is not { } server)
            return;
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(server.Process);
            process.Kill();
            process.WaitForExit();
        }
        catch (Exception over) when (over is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself, or is another user's: what can't be removed then is told.
        }
    }
}

/// <summary>Looks at a cluster as an operator would.</summary>
internal sealed class ClusterInspection(PostgresServer server, string? data) : ISourceInspection
{
    public bool Exists
    {
        get
        {
            if (data is not null && Directory.Exists(data))
                return true;
            try
            {
                server.Open().Dispose();
                return true;
            }
            catch (BackupException)
            {
                return false;
            }
        }
    }

    public bool IsServed => true;

    public IReadOnlyList<string> SafetyCopies
    {
        get
        {
            try
            {
                return data is null ? [] : [.. Directory.EnumerateDirectories(Path.GetDirectoryName(data)!, $"{Path.GetFileName(data)}.pre_restore.*").OrderDescending(StringComparer.Ordinal)];
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure))
            {
                return [];
            }
        }
    }

    public HeldDeleted? HeldDeleted => null;

    public string CheckName => "backup_manifest, page checksums and WAL";

    public string DrillCheckName => "recovery and pg_amcheck";

    public string? CommandFor(SourceQuestion question) => question switch
    {
        SourceQuestion.WhatIsThere when data is not null => ToolProcess.Line(["sudo", "ls", "-la", data]),
        SourceQuestion.WhichDisk when data is not null => ToolProcess.Line(["findmnt", "-T", data]),
        SourceQuestion.WhoMayReachIt => ToolProcess.Line(["psql", server.Shown, "-c", "\\conninfo", "-c", "\\du"]),
        SourceQuestion.DoesItsServerAnswer => ServerQuestions.Answers(server),
        SourceQuestion.WhatSaysItsServer => ServerQuestions.Says(server),
        SourceQuestion.WhoUsesIt => ToolProcess.Line(["psql", server.Shown, "-c", "SELECT pid, usename, application_name, state FROM pg_stat_activity"]),
        SourceQuestion.IsItWhole => ToolProcess.Line(["pg_amcheck", "--all", server.Shown]),
        _ => null,
    };

    public string CheckCommand(string safetyCopy) => ToolProcess.Line(["pg_checksums", "--check", "-D", safetyCopy]);
}
