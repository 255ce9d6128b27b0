using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Files;

/// <summary>What forbids to put a restored file in a place, found out by looking alone.</summary>
/// <param name="live">The source's own place; null where it does not answer.</param>
/// <param name="given">How the place was named, links included.</param>
/// <param name="companions">The endings of what belongs beside a database.</param>
/// <param name="forbidden">Directories and files, absolute, existing or not: the agent's own.</param>
internal sealed class RestoreObstacle(FilePlace place, FilePlace? live, string given, IReadOnlyList<string> companions, IReadOnlyList<string> forbidden)
{
    /// <returns>Null when nothing does.</returns>
    public BackupException? To(FileTarget target)
    {
        var (path, directory) = (place.Path, place.Directory);
        if (Directory.Exists(path))
            return new(FailureKind.Restore, $"'{path}' is a directory", "name the file to restore to, or move the directory away");
        if (!Directory.Exists(directory))
            return new(FailureKind.Restore, $"cannot restore to '{path}': its directory does not exist", $"mount its disk, or make it: mkdir -p '{directory}'");
        if (FileStatus.OfNoLink(path) is { IsRegular: false })
            return new(FailureKind.Restore, $"'{path}' is no regular file", "name another file to restore to");
        if (!target.IsLive && given != path && FileStatus.OfNoLink(path) is null)
            return new(FailureKind.Restore, $"'{given}' is a symbolic link to '{path}', where nothing is", $"see whose it is (ls -l '{given}'), and name the file itself with --to");
        if (SafeFile.Distrust(given) is { } distrust)
            return new(FailureKind.Permission, $"cannot restore to '{given}': {distrust.Message}", "find out why it does; if that is meant, write the path without the link");
        if (companions.Prepend("").FirstOrDefault(ending => Mount.IsAt(path + ending)) is { } mounted)
            return new(FailureKind.Restore, $"'{path}{mounted}' is mounted by itself, and what is mounted can't be replaced", $"mount its directory instead of the file, or restore elsewhere with --to and copy that into it while its service is stopped");
        if (!target.IsLive && Reserved() is { } owner)
            return new(FailureKind.Restore, $"cannot restore to '{path}': {owner}", "name a place of its own with --to, for example in /tmp");
        if (!FileOwner.CanWriteIn(directory))
            return new(FailureKind.Permission, $"cannot restore to '{path}': the user {SystemUser.Current.Name} may not write in '{directory}', or it is mounted read-only", $"look at it (ls -ld '{directory}'; findmnt -T '{directory}'), run as root, or restore elsewhere with --to");
        if (!target.Owner.CanBeGiven)
            return new(FailureKind.Permission, $"cannot restore to '{path}': the user {SystemUser.Current.Name} can't give the new file the old one's owner and group", "run the command as root (sudo), or restore elsewhere with --to");
        return null;
    }

    /// <summary>Whose place it is; null when it is free for a restore.</summary>
    private string? Reserved()
    {
        if (live is not null && companions.FirstOrDefault(ending => place.IsSameAs(new FilePlace(live.Path + ending))) is { } companion)
            return $"as {companion} it belongs to the database '{live.Path}'";
        return forbidden.FirstOrDefault(taken => place.IsSameAs(new FilePlace(taken)) || place.IsBelow(taken)) is { } own ? $"'{own}' belongs to the agent itself" : null;
    }
}
