using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// A database that was deleted while programs have it open. They go on reading and writing it, and with the last of them it
/// is gone, with all that was committed since the last backup.
/// </summary>
internal static class DeletedDatabase
{
    /// <returns>Null where no program has one open that may be looked into.</returns>
    public static HeldDeleted? Find(string path)
    {
        var resolved = KernelPath.Resolve(path);
        var holders = FileUsers.HoldersOfDeleted(resolved);
        return holders.Count == 0 ? null : new HeldDeleted([.. holders.Select(holder => holder.User)], Rescue(resolved, holders));
    }

    /// <summary>
    /// The programs stand still while it is copied: between two copies SQLite may move the WAL into the database, or end a
    /// transaction. A journal comes and goes, so that only then is known which there are; what was deleted goes before what
    /// lies there by now. SQLite itself can't open it: it follows the link in <c>/proc</c> to the name that is gone, and
    /// makes an empty database there.
    /// </summary>
    private static string Rescue(string path, IReadOnlyList<FileHolder> holders)
    {
        var place = Directory.Exists(Path.GetDirectoryName(path)) ? "$p" : "/var/tmp/${p##*/}";
        var processes = string.Join(' ', holders.Select(holder => holder.User.Process));
        var files = string.Join(' ', holders.Select(holder => $"/proc/{holder.User.Process}/fd/*"));
        return ToolProcess.Line(["sudo", "sh", "-euc",
            $"p={ToolProcess.Line([path])}; d=$(mktemp -d \"{place}.rescued.XXXXXX\"); (trap \"kill -CONT {processes}\" EXIT; kill -STOP {processes}; "
            + "for e in -wal -journal \"-wal (deleted)\" \"-journal (deleted)\" \" (deleted)\"; do "
            + $"for f in {files}; do [ \"$(readlink \"$f\")\" != \"$p$e\" ] || cp -p \"$f\" \"$d/${{p##*/}}${{e% (deleted)}}\"; done; done); "
            + "ls -l \"$d\"; [ -s \"$d/${p##*/}\" ]; sqlite3 \"$d/${p##*/}\" \"PRAGMA integrity_check\""]);
    }
}
