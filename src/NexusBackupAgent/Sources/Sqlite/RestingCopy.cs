using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Copies a database that stands still. What a program that died left in a WAL or a rollback journal is brought into the
/// copy, by SQLite: it builds the index of the WAL anew from checksums and salts, and takes nothing from a <c>-shm</c>.
/// The database and what lies beside it stay as they are.
/// </summary>
internal static class RestingCopy
{
    /// <param name="database">Locked; disposed when the copy is made, so that writers wait for nothing else.</param>
    /// <param name="capturedAt">The instant whose state this is, UTC.</param>
    /// <returns>Null when somebody opened the database meanwhile.</returns>
    public static CopiedSnapshot? TryMake(OpenDatabase database, ScratchDirectory scratch, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        var path = database.File.Path;
        var copy = scratch.NewFile();
        var isKept = false;
        try
        {
            (string Ending, SafeFileHandle File)[] holding = [.. Holding(database)];
            foreach (var (ending, file) in holding)
                Copy(file, copy + ending, cancellationToken);
            var length = Copy(database.Content, copy, cancellationToken);
            if (!IsAsItWas(database, holding, copy, cancellationToken))
                return null;

            database.Dispose();
            if (File.Exists(copy + "-journal"))
                RollbackJournal.Detach(copy + "-journal");
            if (holding.Length > 0)
                length = Merge(copy, path, cancellationToken);
            RequireReadable(copy, path);
            isKept = true;
            return new CopiedSnapshot(copy, capturedAt, length, PageSizeOf(copy, length));
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"copy database '{path}' to scratch space '{scratch.Path}'", scratch.Path);
        }
        finally
        {
            foreach (var ending in SqliteFiles.Beside)
                File.Delete(copy + ending);
            if (!isKept)
                File.Delete(copy);
        }
    }

    private static IEnumerable<(string Ending, SafeFileHandle File)> Holding(OpenDatabase database)
    {
        if (database.HoldsWal)
            yield return ("-wal", database.Wal!);
        if (database.HasHotJournal)
            yield return ("-journal", database.Journal!);
    }

    /// <summary>Whether no program opened the database in WAL mode or wrote to it while it was copied. All others the lock keeps out.</summary>
    private static bool IsAsItWas(OpenDatabase database, (string Ending, SafeFileHandle File)[] holding, string copy, CancellationToken cancellationToken)
    {
        var path = database.File.Path;
        if (HiddenWal.Find(database, out var use) is { } hidden)
            throw hidden.Refusal(path);
        if (use != DatabaseUse.AtRest || FileStatus.Of(database.Content) is not { } now || now.Modified != database.Status.Modified || now.Length != database.Status.Length)
            return false;
        if (!IsSameFile(database.Wal, FileStatus.Of(path + "-wal")) || database.HoldsWal != holding.Any(held => held.Ending == "-wal"))
            return false;
        return holding.All(held => IsSameContent(held.File, copy + held.Ending, cancellationToken));
    }

    private static bool IsSameFile(SafeFileHandle? opened, FileStatus? there) =>
        opened is null ? there is null : there is { } file && FileStatus.Of(opened) is { } ours && ours.IsSameFileAs(file);

    /// <summary>Compared by their bytes: a time of change is too coarse to tell.</summary>
    private static bool IsSameContent(SafeFileHandle original, string copy, CancellationToken cancellationToken)
    {
        using var copied = File.OpenHandle(copy);
        return FileCopy.AreEqual(original, copied, cancellationToken);
    }

    private static long Copy(SafeFileHandle source, string target, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using var file = new FileStream(target, options);
        return FileCopy.Copy(source, file.SafeFileHandle, cancellationToken);
    }

    /// <summary>Lets SQLite roll back the journal and move the WAL into the copy. Alone with it, SQLite keeps the index in memory; a copy need not be durable.</summary>
    /// <returns>How long it is now.</returns>
    private static long Merge(string copy, string path, CancellationToken cancellationToken)
    {
        try
        {
            using var connection = PrivateCopy.ForWriting(copy);
            connection.Open();
            using var stop = cancellationToken.Register(() => raw.sqlite3_interrupt(connection.Handle));
            using var command = connection.CreateCommand();
            foreach (var statement in (string[])["PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; SELECT count(*) FROM sqlite_master", "PRAGMA wal_checkpoint(TRUNCATE)"])
            {
                cancellationToken.ThrowIfCancellationRequested(); // an interrupt before the statement began has no effect
                command.CommandText = statement;
                command.ExecuteNonQuery();
            }
        }
        catch (SqliteException interrupted) when (interrupted.SqliteErrorCode == SqliteError.Interrupt)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
        catch (SqliteException unknown) when (unknown.SqliteErrorCode == SqliteError.CannotOpen)
        {
            throw new BackupException(FailureKind.SourceInvalid, $"SQLite can't read the -wal of database '{path}': it is of another version or of another database", "let its program open and close it, then back up again", unknown);
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }

        if (new FileInfo(copy + "-wal") is { Exists: true, Length: > 0 })
            throw new BackupException(FailureKind.Io, $"the -wal of database '{path}' could not be brought into the copy of it", "run the command again");
        return new FileInfo(copy).Length;
    }

    /// <summary>What SQLite does not even open is refused as the database's damage, before it is stored.</summary>
    private static void RequireReadable(string copy, string path)
    {
        try
        {
            using var connection = PrivateCopy.Open(copy);
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT 1 FROM sqlite_master LIMIT 1";
            command.ExecuteScalar();
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }
    }

    // Only what was copied tells: the file may have been another one when it was first looked at.
    private static int PageSizeOf(string copy, long length)
    {
        using var file = File.OpenHandle(copy);
        Span<byte> header = stackalloc byte[18];
        var size = WalFormat.PageSizeOf(header[..RandomAccess.Read(file, header, 0)]);
        return size > 0 && length % size == 0 ? size : 0;
    }
}
