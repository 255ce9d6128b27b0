using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// A private copy as SQLite sees it that has nothing but itself: no modules, so that it opens no virtual table and checks the
/// tables with their content as any other, and stand-ins for what its schema names and SQLite lacks.
/// </summary>
internal sealed class BareConnection : IDisposable
{
    private readonly CancellationTokenRegistration stop;

    /// <exception cref="OperationCanceledException">It was stopped before.</exception>
    public BareConnection(string path, IReadOnlyList<SqlName> missing, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Connection = PrivateCopy.Open(path);
        StandIns.DropModules(Connection);
        StandIns = new StandIns(Connection, missing);
        stop = cancellationToken.Register(() => raw.sqlite3_interrupt(Connection.Handle));
    }

    public SqliteConnection Connection { get; }

    public StandIns StandIns { get; }

    public void Dispose()
    {
        stop.Dispose();
        Connection.Dispose();
        StandIns.Dispose();
    }
}

/// <summary>
/// Takes the place of functions and collations that only the application has, so that SQLite can go through a schema that
/// names them, and notes which of them were called: what was found with those counts for nothing.
/// </summary>
internal sealed unsafe partial class StandIns : IDisposable
{
    private const int Utf8 = 1;
    private const int Deterministic = 0x800; // otherwise none may be used in an index

    private readonly IReadOnlyList<SqlName> names;
    private readonly byte* called;

    /// <param name="connection">Not used yet: SQLite looks functions up when it reads the schema. No statement of it outlives this.</param>
    public StandIns(SqliteConnection connection, IReadOnlyList<SqlName> names)
    {
        this.names = names;
        called = (byte*)NativeMemory.AllocZeroed((nuint)names.Count + 1);
        var database = connection.Handle!.DangerousGetHandle();
        for (var index = 0; index < names.Count; index++)
        {
            // A name that SQLite refuses (longer than 255 bytes) can't be in use either.
            if (names[index].IsCollation)
                _ = CreateCollation(database, names[index].Name, Utf8, called + index, &Compare, null);
            else
                _ = CreateFunction(database, names[index].Name, -1, Utf8 | Deterministic, called + index, &Call, null, null, null);
        }
    }

    /// <summary>Those that were called since the last <see cref="Forget"/>.</summary>
    public HashSet<SqlName> Called => [.. names.Where((_, index) => called[index] != 0)];

    public void Forget() => NativeMemory.Clear(called, (nuint)names.Count);

    /// <summary>Leaves a connection without modules, so that it opens no virtual table.</summary>
    public static void DropModules(SqliteConnection connection) => _ = DropModules(connection.Handle!.DangerousGetHandle(), null);

    public void Dispose() => NativeMemory.Free(called);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Compare(void* called, int firstLength, byte* first, int secondLength, byte* second)
    {
        *(byte*)called = 1;
        return new ReadOnlySpan<byte>(first, firstLength).SequenceCompareTo(new ReadOnlySpan<byte>(second, secondLength));
    }

    /// <summary>Without a result it is NULL, which breaks no CHECK.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Call(nint context, int count, void* values) => *(byte*)UserData(context) = 1;

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_drop_modules")]
    private static partial int DropModules(nint database, void* keep);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_create_collation_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateCollation(nint database, string name, int encoding, void* data, delegate* unmanaged[Cdecl]<void*, int, byte*, int, byte*, int> compare, void* destroy);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_create_function_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateFunction(nint database, string name, int count, int flags, void* data, delegate* unmanaged[Cdecl]<nint, int, void*, void> call, void* step, void* final, void* destroy);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_user_data")]
    private static partial void* UserData(nint context);
}
