using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace NexusBackupAgent.Platform;

/// <summary>The SQLite library that the agent brings with it.</summary>
internal static class SqliteLibrary
{
    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library once for the process; every user of SQLite calls this first.</summary>
    /// <returns>The version in use, <c>3.53.1</c>.</returns>
    public static string Initialize() => Loaded.Value;

    private static string Load()
    {
        Batteries_V2.Init();
        PathAsGiven.Register();
        return raw.sqlite3_libversion().utf8_to_string();
    }
}

/// <summary>Opens a database file that nobody else uses.</summary>
internal static class PrivateCopy
{
    // As of SQLite's C interface.
    private const int QuotedTextInQueries = 1013;

    /// <summary>Immutable: SQLite needs no locks, writes nothing, and leaves no <c>-wal</c> or <c>-shm</c> beside it.</summary>
    public static SqliteConnection Open(string path)
    {
        var connection = Connection(path, SqliteOpenMode.ReadOnly, "&immutable=1");
        try
        {
            connection.Open();
            _ = raw.sqlite3_db_config(connection.Handle, QuotedTextInQueries, 1, out _); // most applications' SQLite takes "text" for 'text'
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>To be written to. SQLite finds its <c>-wal</c> or <c>-journal</c> beside it.</summary>
    /// <returns>Not yet open.</returns>
    public static SqliteConnection ForWriting(string path, SqliteOpenMode mode = SqliteOpenMode.ReadWrite) => Connection(path, mode, "");

    private static SqliteConnection Connection(string path, SqliteOpenMode mode, string parameters)
    {
        SqliteLibrary.Initialize();
        var address = $"file:{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}?vfs={PathAsGiven.Name}{parameters}";
        return new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = address, Mode = mode, Pooling = false, DefaultTimeout = 1 }.ToString());
    }
}

/// <summary>
/// SQLite's own way to files, but for one step: it opens a path as it is given. Otherwise it follows links itself first, and
/// goes by what it found from then on: out of an open directory under <c>/proc</c>, to a path on which somebody else may
/// have put another directory meanwhile.
/// </summary>
internal static unsafe partial class PathAsGiven
{
    public const string Name = "as-given";

    // struct sqlite3_vfs of version 3 on 64-bit systems, in words: the first two hold three numbers.
    private const int Words = 21;
    private const int NextWord = 2;
    private const int NameWord = 3;
    private const int FullPathWord = 8;

    private const int Ok = 0; // SQLITE_OK
    private const int CannotOpen = 14; // SQLITE_CANTOPEN

    /// <summary>Once for the process; SQLite keeps what it is given.</summary>
    public static void Register()
    {
        var usual = (nint*)Find(0);
        var ours = (nint*)NativeMemory.Alloc(Words, (nuint)sizeof(nint));
        new ReadOnlySpan<nint>(usual, Words).CopyTo(new Span<nint>(ours, Words));
        ours[NextWord] = 0;
        ours[NameWord] = Marshal.StringToCoTaskMemUTF8(Name);
        ours[FullPathWord] = (nint)(delegate* unmanaged[Cdecl]<nint, byte*, int, byte*, int>)&FullPath;
        if (Register((nint)ours, isDefault: 0) != Ok)
            throw new InvalidOperationException("SQLite takes no other way to files");
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FullPath(nint vfs, byte* path, int room, byte* full)
    {
        var given = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(path);
        if (given.Length >= room)
            return CannotOpen;
        given.CopyTo(new Span<byte>(full, room));
        full[given.Length] = 0;
        return Ok;
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_find")]
    private static partial nint Find(nint name);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_register")]
    private static partial int Register(nint vfs, int isDefault);
}

/// <summary>SQLite's primary result codes that the agent tells apart, and their words.</summary>
internal static partial class SqliteError
{
    private const int MostInterruptions = 100;

    public const int Perm = 3;
    public const int Busy = 5;
    public const int Locked = 6;
    public const int ReadOnly = 8;
    public const int Interrupt = 9;
    public const int IoError = 10;
    public const int Corrupt = 11;
    public const int Full = 13;
    public const int CannotOpen = 14;
    public const int Protocol = 15;
    public const int NotADatabase = 26;

    public static bool IsBusy(SqliteException exception) => exception.SqliteErrorCode is Busy or Locked or Protocol;

    /// <summary>Whether the content itself is damaged, as opposed to out of reach.</summary>
    public static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is Corrupt or NotADatabase;

    /// <summary>
    /// Does it again when a signal came while SQLite waited for the disk: of its system calls it repeats all but fsync. By then it
    /// has undone what was not flushed, and writes that anew.
    /// </summary>
    /// <param name="work">A whole transaction.</param>
    public static T Insist<T>(SqliteConnection connection, Func<T> work)
    {
        for (var left = MostInterruptions; ; left--)
        {
            try
            {
                return work();
            }
            catch (SqliteException failure) when (left > 0 && failure.SqliteErrorCode == IoError && SystemError(connection.Handle!.DangerousGetHandle()) == Errno.Interrupted)
            {
                // Once more.
            }
        }
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    private static partial int SystemError(nint database);

    /// <summary>SQLite's words for the code: <c>database is locked</c>. Only an error of the statement itself is told by its own message.</summary>
    public static string Reason(SqliteException exception) => exception.SqliteErrorCode is raw.SQLITE_ERROR or raw.SQLITE_CONSTRAINT
        ? exception.Message
        : raw.sqlite3_errstr(exception.SqliteErrorCode).utf8_to_string();
}
