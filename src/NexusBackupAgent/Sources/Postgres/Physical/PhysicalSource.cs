using Npgsql;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>
/// A whole cluster, file by file, with the WAL that leads from one backup to the next. A full backup is a base backup; a
/// differential one is what a further base backup has that the full one has not; an incremental one is the WAL since the backup
/// before it, whatever type that is of.
/// </summary>
internal sealed class PhysicalSource(PostgresServer server, PostgresTools tools, PhysicalOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    /// <summary>A further part of a full or differential backup: the WAL from the end of the backup before it to its own end.</summary>
    public const string WalPart = "wal.tgz";

    private static readonly ArtifactFormat Archive = new(".tar.gz", ArtifactEncoding.Gzip) { Sidecars = [WalEnds.Ending] };

    private static readonly ArtifactFormat Changes = new(".diff.tar.gz", ArtifactEncoding.Gzip) { Sidecars = [WalEnds.Ending] };

    private static readonly Bilingual Cluster = new("cluster", "クラスタ");

    private ISourceService? service;

    private Dictionary<string, string> used = new(StringComparer.Ordinal);

    public string Kind => PostgresSourceKind.Word;

    public Bilingual Noun => Cluster;

    public string Location => options.DataDirectory ?? server.Shown;

    public ISourceInspection Inspection => new ClusterInspection(server, options.DataDirectory);

    /// <summary>Known once something was captured.</summary>
    public IReadOnlyDictionary<string, string> Tools => used;

    public bool RecoversToInstants => true;

    /// <summary>What the agent receives between backups; null: nothing is received.</summary>
    public ReceivedWal? Received { get; init; }

    public ISourceService? Service => Received is null ? null : service ??= new WalReceiver(server, tools, options, Received, timeProvider);

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Differential ? Changes : Archive;

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        "umask 077; mkdir data wal changes",
        $"{ArtifactEncodings.UnpackCommand(chain[0])} -C data",
        .. chain.Where(IsOfChanges).SelectMany(BringIn),
        .. chain.Skip(1).Where(file => !IsOfChanges(file)).Select(file => $"{ArtifactEncodings.UnpackCommand(file)} -C wal"),
        "touch data/recovery.signal",
        $"echo \"restore_command = 'cp $PWD/wal/%f %p'\" >> data/postgresql.auto.conf",
        "pg_ctl -D data start",
    ];

    private static bool IsOfChanges(string file) => ArtifactEncodings.Methods.Any(method => file.Contains(Changes.In(method).Extension, StringComparison.Ordinal));

    /// <summary>A page of the documentation has the same.</summary>
    private static IEnumerable<string> BringIn(string file) =>
    [
        $"{ArtifactEncodings.UnpackCommand(file)} -C changes",
        @"(cd data; xargs -rd '\n' rm -rf -- < ../changes/removed; xargs -rd '\n' mkdir -p -- < ../changes/directories)",
        @"(cd data; cat ../changes/blocks/*.list | while IFS=$'\t' read -r piece skip count seek file; do dd if=../changes/blocks/$piece of=""$file"" bs=8192 skip=$skip count=$count seek=$seek conv=notrunc status=none; done)",
        @"(cd data; while IFS=$'\t' read -r length file; do truncate -s $length ""$file""; done < ../changes/lengths)",
    ];

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await BeginAsync(request, cancellationToken);
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFailure.Translate(failure, server.Shown);
        }
    }

    private async Task<ICapture> BeginAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        var major = connection.PostgreSqlVersion.Major;
        var state = await ServerState.ReadAsync(connection, options.Slot, cancellationToken);
        state.RequireUsable(server.Shown);
        var slot = await WalSlot.ReadAsync(connection, options.Slot, cancellationToken);
        var basebackup = await tools.FindAsync("pg_basebackup", major, ToolFit.Same, cancellationToken);
        used = new Dictionary<string, string>(StringComparer.Ordinal) { ["postgresql"] = connection.PostgreSqlVersion.ToString(), ["pg_basebackup"] = basebackup.Version };
        var stretch = request.Previous is null ? null : await FindStretchAsync(connection, state, slot, request.Previous, request.Type == BackupType.Incremental, major, cancellationToken);
        if (request.Type == BackupType.Incremental && stretch is null)
            throw new NoIncrementException("there is no backup whose WAL it could continue");
        if (request.MayBeBase || stretch is not null)
            slot = await slot.MakeAsync(connection, cancellationToken);
        if (stretch is not null)
            await ForgetAsync(connection, slot, stretch.From, cancellationToken);
        var capturedAt = timeProvider.GetUtcNow();
        if (stretch is not null)
            stretch = stretch with { To = await state.CloseSegmentAsync(connection, capturedAt, cancellationToken) };
        var backup = new BaseBackup(server, basebackup, state.SystemIdentifier, scratch) { SpooledLength = await ServerState.ReadTablespacesAsync(connection, cancellationToken), Clock = timeProvider };
        return request.Type switch
        {
            BackupType.Full => new BaseBackupCapture(capturedAt, backup, stretch, request.MayBeBase, scratch),
            BackupType.Differential => new DifferentialCapture(capturedAt, backup, await IndexOfAsync(request.Base!.Tip, cancellationToken), request.Base.Tip, stretch, scratch),
            _ => new WalCapture(capturedAt, stretch!, state.SystemIdentifier, request.Base!, scratch),
        };
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        await new ClusterCheck(chain, scratch.NewFile).RunAsync(sinks: null, cancellationToken);

    public async Task<IReadOnlyList<(string Ending, string Reason)>> CheckSidecarsAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        await WalEnds.FaultOfAsync(link, cancellationToken) is { } fault ? [(WalEnds.Ending, fault)] : [];

    public IRestoreTarget Target(string? to) => Target(to, RestoreChoices.None);

    public IRestoreTarget Target(string? to, RestoreChoices choices) =>
        new ClusterTarget(tools, options.DataDirectory, to, scratch, Question, timeProvider) { Moves = choices.Require(Noun, moves: true).Moves };

    /// <summary>The database that probes are asked in.</summary>
    private string? Question => server.Resolved.Database;

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await server.OpenAsync(database: null, cancellationToken);
        }
        catch (BackupException failure) when (failure.Kind == FailureKind.SourceUnreachable && options.DataDirectory is { } data && !Directory.Exists(data))
        {
            throw new BackupException(FailureKind.SourceMissing, $"the data directory '{data}' does not exist, and {failure.Message}", "mount its disk, or restore it: nexus-backup restore", failure);
        }
    }

    /// <exception cref="NoIncrementException">Nobody can tell what changed since.</exception>
    private async Task<BlockIndex> IndexOfAsync(StoredLink full, CancellationToken cancellationToken)
    {
        try
        {
            return await BlockIndex.OfAsync(full, scratch, cancellationToken);
        }
        catch (DamagedLinkException damaged)
        {
            throw new NoIncrementException($"{full.Name}, on which it would build, is not as it was stored: {damaged.Message}", full);
        }
        catch (InvalidDataException odd)
        {
            throw new NoIncrementException($"what {full.Name} holds, on which it would build, can't be told: {odd.Message}");
        }
    }

    /// <returns>Null when the WAL does not go on from there, and that is no reason to fail.</returns>
    /// <exception cref="NoIncrementException">It does not, and has to.</exception>
    private async Task<WalStretch?> FindStretchAsync(NpgsqlConnection connection, ServerState state, WalSlot slot, StoredLink previous, bool isNeeded, int major, CancellationToken cancellationToken)
    {
        var found = await WalEnds.OfAsync(previous, scratch, cancellationToken);
        var reason = found.Why ?? await WhyNotFromAsync(connection, state, slot, found.End!, previous, cancellationToken);
        if (reason is not null)
            return isNeeded ? throw new NoIncrementException(reason, found.Damaged) : null;
        var receiver = await tools.FindAsync("pg_receivewal", major, ToolFit.Same, cancellationToken);
        return new WalStretch(server, receiver, found.End!.Last, found.End!.Last) { Received = Received, IsReceiving = slot.Reader is not null && Received is not null, Clock = timeProvider };
    }

    /// <summary>Why the WAL can't be had that comes after a backup; null when it can.</summary>
    private async Task<string?> WhyNotFromAsync(NpgsqlConnection connection, ServerState state, WalSlot slot, WalEnd end, StoredLink previous, CancellationToken cancellationToken)
    {
        if (end.SystemIdentifier != state.SystemIdentifier)
            return $"the server is another cluster (system identifier {state.SystemIdentifier}) than the one of {previous.Name} ({end.SystemIdentifier})";
        if (end.Last.Timeline != slot.Timeline)
            return $"the WAL has a gap: a failover or a restore put the server on timeline {slot.Timeline}, and {previous.Name} ends on timeline {end.Last.Timeline}";
        var last = Received?.After(end.Last, end.Last with { Number = ulong.MaxValue }) is [.., var received] ? received : end.Last;
        return await WalSlot.HasAsync(connection, last.Next, cancellationToken)
            ? null
            : $"the WAL has a gap: the server no longer has segment {last.Next}, which follows {(last == end.Last ? previous.Name : "what was received")}, because {slot.Fault}";
    }

    /// <summary>A good backup holds what is up to there.</summary>
    private async Task ForgetAsync(NpgsqlConnection connection, WalSlot slot, WalSegment last, CancellationToken cancellationToken)
    {
        await slot.AdvanceAsync(connection, last.End, cancellationToken);
        try
        {
            Received?.Forget(last);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"remove WAL that a backup holds from '{Received!.Path}'", Received.Path);
        }
    }
}

/// <summary>WAL that is on the server and in no backup yet.</summary>
/// <param name="From">The last segment that a backup holds.</param>
/// <param name="To">The last one that is to be had; closed.</param>
internal sealed record WalStretch(PostgresServer Server, PostgresToolFile Receiver, WalSegment From, WalSegment To)
{
    // A segment takes no longer from the server; then it is fetched instead.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public long Length => (long)(To.Number - From.Number) * To.Size;

    /// <summary>What the agent received; null: nothing.</summary>
    public ReceivedWal? Received { get; init; }

    /// <summary>Whether it receives now.</summary>
    public bool IsReceiving { get; init; }

    public required TimeProvider Clock { get; init; }

    public long ScratchNeeded => IsReceiving ? 0 : Length;

    /// <summary>Takes what was received, fetches the rest into scratch space, and writes an archive that holds nothing else.</summary>
    public async Task WriteAsync(Stream archive, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        using var place = scratch.NewWorkspace();
        var received = await TakeReceivedAsync(cancellationToken);
        var last = received is [.., var newest] ? newest : From;
        if (last.Number < To.Number)
            await FetchAsync(last, place.Path, scratch, cancellationToken);
        IEnumerable<string> files = [.. received.Select(segment => Received!.FileOf(segment)), .. Received?.Histories() ?? [], .. Directory.EnumerateFiles(place.Path)];
        await WalArchive.WriteAsync(archive, [.. files.DistinctBy(Path.GetFileName).OrderBy(Path.GetFileName, StringComparer.Ordinal)], this, cancellationToken);
    }

    /// <summary>What is being received comes a moment after it was written.</summary>
    private async Task<IReadOnlyList<WalSegment>> TakeReceivedAsync(CancellationToken cancellationToken)
    {
        var received = Received?.After(From, To) ?? [];
        for (var progress = Clock.GetTimestamp(); IsReceiving && received.Count < (int)(To.Number - From.Number) && Clock.GetElapsedTime(progress) < Patience;)
        {
            await Task.Delay(Poll, Clock, cancellationToken);
            var now = Received!.After(From, To);
            (received, progress) = (now, now.Count > received.Count ? Clock.GetTimestamp() : progress);
        }

        return received;
    }

    private async Task FetchAsync(WalSegment last, string place, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        scratch.RequireRoom((long)(To.Number - last.Number) * To.Size);
        var before = Path.Combine(place, last.Name);
        await using (var known = new FileStream(before, FileMode.CreateNew, FileAccess.Write))
            known.SetLength(last.Size); // the receiver goes on behind the last whole segment that it finds
        using (var access = Server.Access())
        {
            // It stops behind this position and not at it: on an idle server the first byte of the next segment may be long in coming.
            var end = new Lsn(To.End.Value - 1);
            await using var tool = PostgresTool.Start(Receiver, ["--directory", place, "--endpos", end.ToString(), "--no-loop", "--no-sync", "--no-password"], access);
            var ended = await tool.EndAsync(cancellationToken);
            if (ended.ExitCode != 0)
                throw new BackupException(FailureKind.SourceUnreachable, $"the WAL of '{Server.Shown}' can't be received: {ended.Failure}", "check that the role may replicate (pg_hba.conf has to name the database replication), and the server's log");
        }

        File.Delete(before);
    }
}
