using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>A store in a directory of this machine.</summary>
/// <param name="readers">A group that may read what is written; null: nobody but the owner may.</param>
/// <param name="mayGroupRead">Whether that group may read what is written now; null: always.</param>
internal sealed class LocalDirectoryStore(string name, string root, SystemGroup? readers = null, Func<bool>? mayGroupRead = null) : IBackupStore
{
    // Backups hold everything that the database holds: nothing for other users. A group gets its right once the file is its own.
    private const UnixFileMode NewFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode NewDirectoryMode = NewFileMode | UnixFileMode.UserExecute;

    /// <summary>Bytes.</summary>
    private const int LargestBuffer = 1 << 17;

    public string Name { get; } = name;

    public IBackupStore SharedWhile(Func<bool> mayGroupRead) => readers is null ? this : new LocalDirectoryStore(Name, root, readers, mayGroupRead) { Pace = Pace };

    /// <summary>Of what is written and read; null: as fast as it goes.</summary>
    public Pace? Pace { get; init; }

    public string Describe(string path) => Locate(path);

    public IStoreInspection Inspection { get; } = new LocalStoreInspection(root);

    private SystemGroup? Readers => readers is not null && mayGroupRead?.Invoke() != false ? readers : null;

    private string Locate(string path) => KernelPath.Absolute(path, root);

    // Temporary name → write → flush the file → rename → flush the directory. With a leading dot no *.db.gz finds the temporary file.
    public async Task<StoredFile> PutAsync(string path, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var target = Locate(path);
        var directory = Path.GetDirectoryName(target)!;
        var partial = Path.Combine(directory, $".{Path.GetFileName(target)}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.partial");
        try
        {
            RequireRoot();
            CreateDirectories(directory);
            await using (var file = new FileStream(SafeFile.Create(partial, NewFileMode, inherit: true), FileAccess.Write, bufferSize: 0))
            {
                if (Readers?.TryTake(file.SafeFileHandle) == true)
                    File.SetUnixFileMode(file.SafeFileHandle, NewFileMode | UnixFileMode.GroupRead);
                await using (var early = new EarlyWriteBack(file))
                    await write(Pace is null ? early : new PacedStream(early, Pace), cancellationToken);
                if (durability != Durability.Later && file.Length > 0)
                    DurableDirectory.Flush(file.SafeFileHandle);
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (replace)
                SafeFile.Replace(partial, target);
            else
                SafeFile.Move(partial, target); // of two who write it at once, one is refused
            if (durability == Durability.Now)
                DurableDirectory.Sync(directory);
            return DirectoryListing.Describe(new FileInfo(target));
        }
        catch (Exception failure)
        {
            DeletePartial(partial);
            if (IoFailure.IsKnown(failure))
                throw IoFailure.Translate(failure, $"write '{target}' in store '{Name}'", root);
            throw;
        }
    }

    // In place: a few hundred bytes are read sooner than another thread takes them over, and a catalog may hold a hundred thousand such files.
    public Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult(SmallFile.TryRead(Locate(path)) ?? Read(path, target =>
        {
            if (FileStatus.Of(target) is { IsRegular: false })
                throw new IOException("it is a directory, a pipe or a device, and no file");
            using var file = File.OpenHandle(target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[RandomAccess.GetLength(file) + 1]; // to its end, wherever that is: what can't be read must fail here
            var length = 0;
            while (length < bytes.Length && RandomAccess.Read(file, bytes.AsSpan(length), length) is > 0 and var read)
                length += read;
            return bytes[..length];
        }));

    public Task<Stream> OpenAsync(string path, CancellationToken cancellationToken) => Task.FromResult(Read<Stream>(path, target =>
    {
        if (SafeFile.Distrust(target) is { } distrust)
            throw distrust;
        if (FileStatus.Of(target) is { IsRegular: false }) // whoever opens a pipe waits for its other end
            throw new IOException("it is a directory, a pipe or a device, and no file");
        var file = File.OpenHandle(target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan | FileOptions.Asynchronous);
        PageCache.Forget(file); // what memory still holds of it would prove nothing of the disk
        var buffer = (int)Math.Clamp(RandomAccess.GetLength(file), 1, LargestBuffer);
        var stream = new FileStream(file, FileAccess.Read, buffer, isAsync: true);
        return Pace is null ? stream : new PacedStream(stream, Pace);
    }));

    private T Read<T>(string path, Func<string, T> read)
    {
        var target = Locate(path);
        try
        {
            return read(target);
        }
        catch (DirectoryNotFoundException missing) when (Directory.Exists(root))
        {
            throw new FileNotFoundException(missing.Message, target, missing);
        }
        catch (Exception failure) when (failure is not FileNotFoundException && IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{target}' in store '{Name}'", root);
        }
    }

    public Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken) =>
        ListAsync(directory, target => DirectoryListing.ReadAsync(target, cancellationToken));

    public async Task<IStoreGlance?> GlanceAsync(string directory, Func<ReadOnlySpan<char>, string?> take, CancellationToken cancellationToken)
    {
        var target = Locate(directory);
        try
        {
            return OperatingSystem.IsLinux() ? await LocalGlance.TryTakeAsync(target, take, cancellationToken) : null;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"list '{target}' in store '{Name}'", root);
        }
    }

    public Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken) =>
        ListAsync<string>(directory, target => Task.FromResult<IReadOnlyList<string>>([.. new DirectoryInfo(target).EnumerateDirectories().Select(child => child.Name)]));

    public Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken)
    {
        var (source, target) = (Locate(from), Locate(to));
        try
        {
            RequireRoot();
            if (!File.Exists(source))
                throw new FileNotFoundException($"there is no file '{source}'", source);
            CreateDirectories(Path.GetDirectoryName(target)!);
            SafeFile.Move(source, target);
            DurableDirectory.Sync(Path.GetDirectoryName(target)!);
            if (Path.GetDirectoryName(source) != Path.GetDirectoryName(target))
                DurableDirectory.Sync(Path.GetDirectoryName(source)!);
            return Task.FromResult(true);
        }
        catch (Exception failure) when (failure is not FileNotFoundException && IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"rename '{source}' to '{target}' in store '{Name}'", root);
        }
    }

    public Task DeleteAsync(string path, Durability durability, CancellationToken cancellationToken)
    {
        var target = Locate(path);
        try
        {
            if (File.Exists(target))
            {
                SafeFile.Delete(target);
                if (durability == Durability.Now)
                    DurableDirectory.Sync(Path.GetDirectoryName(target)!);
            }

            return Task.CompletedTask;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"delete '{target}' in store '{Name}'", root);
        }
    }

    public Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken) => Task.FromResult(Health());

    private StoreHealth Health()
    {
        var isBare = false;
        try
        {
            isBare = RequireRoot();
            var space = StoreSpace.At(root);
            var refusal = FileOwner.WhyNotWriteIn(root) is { } refused ? IoFailure.Translate(refused, $"write in store '{Name}' at '{root}'", root) : null;
            return new StoreHealth(Down: null, refusal, space, isBare) { Medium = FileStatus.DiskOf(root) };
        }
        catch (BackupException down)
        {
            return new StoreHealth(down, Refusal: null, Space: null, isBare);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return new StoreHealth(IoFailure.Translate(failure, $"ask for the free space of store '{Name}'", root), Refusal: null, Space: null, isBare);
        }
    }

    private async Task<IReadOnlyList<T>> ListAsync<T>(string directory, Func<string, Task<IReadOnlyList<T>>> read)
    {
        var target = Locate(directory);
        try
        {
            if (Directory.Exists(target))
                return await read(target);
            RequireRoot();
            // A file, a link to a disk that is not mounted, or what this user can't look at must not pass for an empty directory.
            return DirectoryListing.IsThere(new DirectoryInfo(target)) ? await read(target) : [];
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"list '{target}' in store '{Name}'", root);
        }
    }

    /// <summary>A root that is missing, or that this user may not look into, must not pass for an empty store.</summary>
    /// <returns>Whether nothing at all lies in it.</returns>
    private bool RequireRoot()
    {
        if (Directory.Exists(root))
            return !Directory.EnumerateFileSystemEntries(root).Any();
        if (File.Exists(root))
            throw new BackupException(FailureKind.StoreUnavailable, $"store '{Name}' is not a directory: '{root}'", $"see what it is (ls -l '{root}'), move it away, and mount the store's disk there, or create it once with: mkdir -p '{root}'");
        throw new BackupException(FailureKind.StoreUnavailable, $"store '{Name}' does not exist: '{root}'", $"mount its disk, or create it once with: mkdir -p '{root}'");
    }

    /// <summary>Makes what is missing below the root, each level durably.</summary>
    private void CreateDirectories(string directory)
    {
        if (Directory.Exists(directory))
            return;
        var parent = Path.GetDirectoryName(directory)!;
        CreateDirectories(parent);
        SafeFile.MakeDirectory(directory, NewDirectoryMode);
        if (Readers?.TryTake(directory) == true)
            File.SetUnixFileMode(directory, NewDirectoryMode | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        DurableDirectory.Sync(parent);
    }

    private static void DeletePartial(string partial)
    {
        try
        {
            SafeFile.Delete(partial);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            // The first failure is the one to tell; the leftover is an orphan that the next run reports and sweeps.
        }
    }
}

/// <summary>Writes through to a file, and starts the disk on each megabyte as it comes. The file stays open when this is disposed.</summary>
internal sealed class EarlyWriteBack(FileStream file) : ForwardWriteStream
{
    private const long Step = 1L << 20; // little at once: a commit of the database may wait for the same disk

    private long started;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await file.WriteAsync(buffer, cancellationToken);
        StartDisk();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        file.Write(buffer, offset, count);
        StartDisk();
    }

    public override void Flush() => file.Flush();

    private void StartDisk()
    {
        if (file.Position - started < Step)
            return;
        PageCache.WriteBack(file.SafeFileHandle, started, file.Position - started);
        started = file.Position;
    }
}
