using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

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
        return raw.sqlite3_libversion().utf8_to_string();
    }
}
