using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Chooses the SQLite library: the system's when it is newer than the bundled one, so that the distribution's security
/// updates and file format support reach the agent, and the bundled one where there is none.
/// </summary>
internal static partial class SqliteLibrary
{
    private const string System = "libsqlite3.so.0";

    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library once for the process; every user of SQLite calls this first.</summary>
    /// <returns>The version in use, <c>3.40.1</c>.</returns>
    public static string Initialize() => Loaded.Value;

    private static string Load()
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        Batteries_V2.Init();
        return raw.sqlite3_libversion().utf8_to_string();
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (!name.Contains("e_sqlite3", StringComparison.Ordinal))
            return 0;

        var bundled = NativeLibrary.TryLoad(name, assembly, path, out var ours) ? ours : 0;
        if (!NativeLibrary.TryLoad(System, out var theirs))
            return bundled;

        return bundled == 0 || VersionOf(theirs) > VersionOf(bundled) ? theirs : bundled;
    }

    private static unsafe int VersionOf(nint library) =>
        ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "sqlite3_libversion_number"))();
}
