using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Sources.S3;

/// <summary>A directory of this machine that objects are brought to. They are brought beside it; then the two change names.</summary>
internal sealed class FolderTarget(BucketPlaces places, string directory, KeySelection selection) : IRestoreTarget
{
    private const string Unfinished = ".nexus-backup-restoring";

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
        var whole = await Inventory.ReadAsync(chain, cancellationToken);
        var inventory = whole with { Objects = [.. whole.Objects.Where(line => selection.Has(line.Key!))] };
        var odd = inventory.Objects.Select(line => line.Key!).Where(key => !IsFileName(key)).ToList();
        if (odd.Count > 0)
            throw new BackupException(FailureKind.Restore, $"the names of {odd.Count} objects can't be those of files: {KeyText.Shown(odd)}", "restore to a bucket (--to s3://BUCKET/)");
        if (StoreSpace.At(Volume).Available is var available && inventory.Bytes > available)
            throw new BackupException(FailureKind.StoreFull, $"'{Volume}' has {ByteCount.Text(available)} available and the restore needs {ByteCount.Text(inventory.Bytes)}", $"free space there ({SpaceCommand}), or restore elsewhere with --to");
        using var copies = await places.OpenCopiesAsync(inventory, cancellationToken);
        WorkFolder? work = null;
        try
        {
            var check = await new SnapshotCheck(copies, inventory) { NamesExtra = false }.RunAsync(chain, ReadingTurn.None, cancellationToken);
            if (check.Finding is null)
            {
                var limits = new ParallelOptions { MaxDegreeOfParallelism = places.Snapshots.MostRequests, CancellationToken = cancellationToken };
                work = new WorkFolder($"{directory}{Unfinished}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
                await Parallel.ForEachAsync(inventory.Objects, limits, async (line, token) => await BringAsync(work.Made, copies, line, token));
            }

            return new Prepared(this, work, check);
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

    private static async Task BringAsync(string made, ObjectClient client, InventoryLine line, CancellationToken cancellationToken)
    {
        var path = Path.Combine(made, line.Key!);
        if (line.Key!.EndsWith('/'))
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using (var content = await client.OpenAsync(line.CopyKey, line.CopyETag, cancellationToken))
        await using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
        {
            await ObjectCopy.ReadAsync(content, file, client, line.Key!, cancellationToken);
        }

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

    /// <param name="work">Null: nothing was brought, because of what the check found.</param>
    private sealed class Prepared(FolderTarget target, WorkFolder? work, ContentCheck check) : IPreparedRestore
    {
        private string? safety;
        private bool isMoved;

        public ContentCheck Check => check;

        public RestoredPlace Place => new(target.Location, Owner: null, safety, [], safety is null ? "" : $"{ToolProcess.Line(["rm", "-r", target.Location])} && {ToolProcess.Line(["mv", safety, target.Location])}");

        public async Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken)
        {
            var file = Path.Combine(work?.Made ?? "", question);
            if (work is null || !IsFileName(question) || !File.Exists(file))
                throw new BackupException(FailureKind.Restore, $"the probe could not be asked: there is no object '{KeyText.Shown(question)}' in the backup", "write the key of an object");
            using var text = File.OpenText(file);
            var line = await text.ReadLineAsync(cancellationToken);
            return new ProbeAnswer(line is not null, line);
        }

        public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
        {
            Guard(() => DurableDirectory.SyncAll(work!.Made)); // a name may survive a power cut that the content does not
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

                SafeFile.Move(work!.Made, target.Location);
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
            work?.Dispose();
            return ValueTask.CompletedTask;
        }

        private void Guard(Action work) => IoFailure.Guard($"restore to '{target.Location}'", target.Volume, work);
    }
}
