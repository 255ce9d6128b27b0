using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Sources.S3;

/// <summary>A directory of this machine that objects are brought to. They are brought beside it; then the two change names.</summary>
/// <param name="isDrill">Whether it is for practice alone: what can't be called by its key has the name that its archive gives it, and each file is read back.</param>
internal sealed class FolderTarget(BucketPlaces places, string directory, KeySelection selection, bool isDrill = false) : IRestoreTarget
{
    private const string Unfinished = ".nexus-backup-restoring";

    /// <param name="workspace">The drill's directory.</param>
    public static FolderTarget ForPractice(BucketPlaces places, string workspace) => new(places, Path.Combine(workspace, "drill"), new KeySelection([]), isDrill: true);

    public string Location => directory;

    public string Volume => Path.GetDirectoryName(directory) ?? "/";

    public string? SpaceCommand => ToolProcess.Line(["df", "-h", Volume]);

    public string LookCommand => ToolProcess.Line(["ls", "-la", directory]);

    public bool IsLive => false;

    public bool Exists => Directory.Exists(directory) || File.Exists(directory);

    public long Length => Directory.Exists(directory) ? new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;

    public string SafetyForm => $"{directory}.pre_restore.<time>";

    public string UnfinishedForm => $"{directory}{Unfinished}.*";

    public IReadOnlyList<string> Leftovers => Directory.Exists(Volume) ? [.. Directory.EnumerateDirectories(Volume, $"{Path.GetFileName(directory)}{Unfinished}*").Order(StringComparer.Ordinal)] : [];

    public IReadOnlyList<FileUser> Users() => [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden)
    {
        if (forbidden.Any(place => PathText.IsInside(directory, place) || PathText.IsInside(place, directory)))
            return new BackupException(FailureKind.Restore, $"'{directory}' belongs to the agent itself", "name another directory with --to");
        if (File.Exists(directory))
            return new BackupException(FailureKind.Restore, $"'{directory}' is a file", "name a directory with --to");
        return Directory.Exists(Volume) ? null : new BackupException(FailureKind.Restore, $"'{Volume}' does not exist", $"make it: {ToolProcess.Line(["mkdir", "-p", Volume])}");
    }

    /// <summary>Only its inventory tells how much a snapshot holds.</summary>
    public long RoomFor(long content) => 0;

    public long? Available() => null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{directory}.pre_restore.{SnapshotPlace.NameOf(now)}";
        for (var number = 2; Directory.Exists(name); number++)
            name = $"{directory}.pre_restore.{SnapshotPlace.NameOf(now)}-{number}";
        return name;
    }

    public IDisposable Lock()
    {
        try
        {
            var held = FileLock.TryAcquire(directory + Unfinished + ".lock")
                ?? throw new BackupException(FailureKind.Locked, $"another restore to '{directory}' is under way", "wait until it is done");
            foreach (var left in Leftovers)
                SafeFile.DeleteTree(left);
            return new HeldPlace(held, directory + Unfinished + ".lock");
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"restore to '{directory}'", Volume);
        }
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        if (places.IsArchived && !BucketArchive.Has(chain.Tip))
            await new ArchiveReading(chain).RunAsync((_, _, _) => Task.CompletedTask, cancellationToken); // which says why it is not restored
        var inventory = selection.Of(await Inventory.ReadAsync(chain, cancellationToken), chain);
        RequireFileNames(inventory);
        if (StoreSpace.At(Volume).Available is var available && inventory.Bytes > available)
            throw new BackupException(FailureKind.StoreFull, $"'{Volume}' has {ByteCount.Text(available)} available and the restore needs {ByteCount.Text(inventory.Bytes)}", $"free space there ({SpaceCommand}), or restore elsewhere with --to");
        WorkFolder? work = null;
        try
        {
            work = new WorkFolder($"{directory}{Unfinished}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
            var check = places.IsArchived ? await UnpackAsync(chain, inventory, work.Made, cancellationToken) : await FetchAsync(chain, inventory, work.Made, cancellationToken);
            return new Prepared(this, work, inventory, check);
        }
        catch (Exception failure)
        {
            work?.Dispose();
            if (IoFailure.IsKnown(failure))
                throw IoFailure.Translate(failure, $"restore to '{directory}'", Volume);
            throw;
        }
    }

    /// <summary>Whether a key leads to one file below a directory, and nowhere else.</summary>
    public static bool IsFileName(string key) => !NameText.HasControlCharacter(key) && key.TrimEnd('/') is { Length: > 0 } path && key.Length - path.Length <= 1
        && !Array.Exists(path.Split('/'), part => part is "" or "." or ".." || NameText.IsTooLongForFileName(part));

    private async Task<ContentCheck> FetchAsync(StoredChain chain, Inventory inventory, string made, CancellationToken cancellationToken)
    {
        using var copies = await places.OpenCopiesAsync(inventory, cancellationToken);
        var check = await new SnapshotCheck(copies, inventory) { NamesExtra = false }.RunAsync(chain, ReadingTurn.None, cancellationToken);
        if (check.Finding is not null)
            return check;
        var limits = new ParallelOptions { MaxDegreeOfParallelism = places.Snapshots.MostRequests, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(
            inventory.Objects,
            limits,
            async (line, token) => await BringAsync(
                made,
                line,
                async file =>
                {
                    await using var content = await copies.OpenAsync(line.CopyKey, line.CopyETag, token);
                    await ObjectCopy.ReadAsync(content, file, copies, line.Key!, token);
                }));
        return check;
    }

    private async Task<ContentCheck> UnpackAsync(StoredChain chain, Inventory inventory, string made, CancellationToken cancellationToken)
    {
        var (check, _) = await new ArchiveReading(chain).RunAsync((line, content, token) => selection.Has(line.Key!) ? BringAsync(made, line, file => content.CopyToAsync(file, 1 << 17, token)) : Task.CompletedTask, cancellationToken);
        if (!isDrill || check.Finding is not null)
            return check;
        foreach (var line in inventory.Objects.Where(line => !line.Key!.EndsWith('/')))
        {
            await using var file = File.OpenRead(Path.Combine(made, NameOf(line)));
            if (file.Length != line.Size || Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken)) != line.Sha256)
                return check with { Finding = $"'{KeyText.Shown(line.Key!)}' was not restored as it was" };
        }

        return check;
    }

    private string NameOf(InventoryLine line) => isDrill ? line.EntryName : line.Key!;

    /// <exception cref="BackupException">A directory can't have all these files.</exception>
    private void RequireFileNames(Inventory inventory)
    {
        if (isDrill)
            return;
        const string Hint = "restore to a bucket (--to s3://BUCKET/), or choose what to restore (--path)";
        var odd = inventory.Objects.Select(line => line.Key!).Where(key => !IsFileName(key)).ToList();
        if (odd.Count > 0)
            throw new BackupException(FailureKind.Restore, $"the names of {odd.Count} objects can't be those of files: {KeyText.Shown(odd)}", Hint);
        var directories = inventory.Objects.SelectMany(line => BucketArchive.DirectoriesOf(line.Key!)).ToHashSet(StringComparer.Ordinal);
        var both = inventory.Objects.Select(line => line.Key!).Where(directories.Contains).ToList();
        if (both.Count > 0)
            throw new BackupException(FailureKind.Restore, $"{both.Count} objects would be files and directories at once, because the keys of others go on behind theirs: {KeyText.Shown(both)}", Hint);
    }

    private async Task BringAsync(string made, InventoryLine line, Func<FileStream, Task> write)
    {
        var path = Path.Combine(made, NameOf(line));
        if (NameOf(line).EndsWith('/'))
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
            await write(file);

        if (line.Modified is { } modified)
            File.SetLastWriteTimeUtc(path, modified.UtcDateTime);
    }

    /// <summary>What is restored, in a directory beside its place into which nobody else gets, whatever becomes of that one's name.</summary>
    private sealed class WorkFolder : IDisposable
    {
        private readonly string path;
        private readonly SafeFileHandle opened;

        public WorkFolder(string path)
        {
            (this.path, opened) = (path, SafeFile.MakeOwnDirectory(path));
            Made = Path.Combine(SafeFile.PathOf(opened), "tree");
            Directory.CreateDirectory(Made);
        }

        /// <summary>What takes the place.</summary>
        public string Made { get; }

        public void Dispose()
        {
            using (opened)
            {
                if (FileStatus.OfNoLink(path) is { } named && FileStatus.Of(opened) is { } own && named.IsSameFileAs(own))
                    SafeFile.DeleteTree(path);
            }
        }
    }

    private sealed class HeldPlace(FileLock held, string file) : IDisposable
    {
        public void Dispose()
        {
            File.Delete(file);
            held.Dispose();
        }
    }

    private sealed class Prepared(FolderTarget target, WorkFolder work, Inventory inventory, ContentCheck check) : IPreparedRestore
    {
        private string? safety;
        private bool isMoved;

        public ContentCheck Check => check;

        public RestoredPlace Place => new(target.Location, Owner: null, safety, [], safety is null ? "" : $"{ToolProcess.Line(["rm", "-r", target.Location])} && {ToolProcess.Line(["mv", safety, target.Location])}");

        public async Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken)
        {
            var asked = inventory.Objects.FirstOrDefault(line => line.Key == question);
            var file = asked is null ? "" : Path.Combine(work.Made, target.NameOf(asked));
            if (!File.Exists(file))
                throw new BackupException(FailureKind.Restore, $"the probe could not be asked: there is no object '{KeyText.Shown(question)}' in the backup", "write the key of an object");
            using var text = File.OpenText(file);
            var line = await text.ReadLineAsync(cancellationToken);
            return new ProbeAnswer(line is not null, line);
        }

        public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
        {
            Guard(() => DurableDirectory.SyncAll(work.Made)); // a name may survive a power cut that the content does not
            if (!target.Exists)
                return Task.CompletedTask;
            safety = target.NameSafetyCopy(context);
            return Task.CompletedTask;
        }

        public void Switch(RestoreContext context)
        {
            context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored directory in place of {target.Location}"));
            Guard(() =>
            {
                if (safety is not null)
                {
                    SafeFile.Move(target.Location, safety);
                    isMoved = true;
                }

                SafeFile.Move(work.Made, target.Location);
            });
        }

        public BackupException? RollBack()
        {
            try
            {
                if (isMoved && !target.Exists)
                    Guard(() => SafeFile.Move(safety!, target.Location));
                safety = null;
                return null;
            }
            catch (BackupException failure)
            {
                return failure;
            }
        }

        public void MakeDurable() => Guard(() => DurableDirectory.Sync(target.Volume));

        public ValueTask DisposeAsync()
        {
            work.Dispose();
            return ValueTask.CompletedTask;
        }

        private void Guard(Action work) => IoFailure.Guard($"restore to '{target.Location}'", target.Volume, work);
    }
}
