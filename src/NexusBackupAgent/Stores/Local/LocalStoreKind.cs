using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary><c>path:</c>, a directory of this machine.</summary>
internal sealed class LocalStoreKind : IStoreKind
{
    private const string PathExample = "backups";
    private const string GroupKey = "group";

    public string Key => "path";

    public IReadOnlyList<string> Options => [GroupKey];

    public IReadOnlyList<LevelKeys> Levels => [];

    public string Example => $"path: {PathExample}";

    public string Teaching => $"its directory, for example {Example}";

    /// <summary>Any path; what looks like a URL is none.</summary>
    public MappingNode? Recognise(string address, IReadOnlyDictionary<string, string> options, string directory) =>
        address.Contains("://", StringComparison.Ordinal) ? null : DocumentText.Mapping((Key, DocumentText.Value(KernelPath.Absolute(address, directory))));

    public IStoreSettings? Bind(string name, Section store, string baseDirectory)
    {
        var (group, isOffsite) = (store.Find(GroupKey)?.Text("backup"), store.Flag(StoreKinds.OffsiteKey));
        return store.Find(Key)?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null, PathExample) is { } path ? new Settings(name, path, group) { IsOffsite = isOffsite, Bandwidth = BandwidthBinder.Bind(store) } : null;
    }

    /// <param name="Group">The name or number of the group that may read the backups; null: none may.</param>
    private sealed record Settings(string Name, string Path, string? Group) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [Path];

        public string Identify(string directory) => KernelPath.Resolve(System.IO.Path.Combine(Path, directory));

        public IBackupStore Open(StoreSurroundings? around = null) => new LocalDirectoryStore(Name, Path, Readers) { Pace = around?.PaceOf(Bandwidth) };

        public IReadOnlyList<IStoreSettings> Around => System.IO.Path.GetDirectoryName(Path) is { } above && above != Path ? [this with { Path = above }, .. (this with { Path = above }).Around] : [];

        public bool IsShared => Group is not null;

        public bool IsOffsite { get; init; }

        public IReadOnlyList<BandwidthLimit> Bandwidth { get; init; } = [];

        private SystemGroup? Readers => Group is null ? null : SystemGroup.Find(Group);

        public IEnumerable<ConfigurationProblem> Check()
        {
            if (DirectoryCheck.Find(Path, "the store's directory") is var (problem, mend))
                yield return new ConfigurationProblem(KeyPath.Join("stores", Name, "path"), Line: 0, Path, problem, mend);
            else if (WideFiles.FindIn(Path, Readers) is var (wide, owner))
                yield return Warning("path", Path, $"more users than {(Group is null ? "its owner" : $"its owner and the group {Group}")} may read '{wide}'", owner.Close(Path, Group));
            foreach (var lacking in Try())
                yield return lacking;
            if (Group is not null && Readers is null)
                yield return Warning(GroupKey, Group, "there is no group of that name, so nobody but the owner may read the backups", $"make it: sudo groupadd --system '{Group}'");
            else if (Readers is { IsMine: false })
                yield return Warning(GroupKey, Group!, $"the user {SystemUser.Current.Name} is not in that group and can't give it its backups", $"sudo usermod --append --groups '{Group}' {SystemUser.Current.Name}, then start the agent again");
        }

        public IEnumerable<ConfigurationProblem> Try() => Directory.Exists(Path)
            ? new LocalTrial(Path, TimeProvider.System.GetUtcNow()).Run().Select(lacking => new ConfigurationProblem(KeyPath.Join("stores", Name, "path"), Line: 0, Path, lacking.Problem, lacking.Mend, lacking.IsError))
            : [];

        public IEnumerable<ConfigurationProblem> CheckDirectory(string directory, bool mayGroupRead, Func<string, bool> isBackup)
        {
            var (place, me) = (System.IO.Path.Combine(Path, directory), SystemUser.Current.Name);
            if (!Directory.Exists(place))
                yield break; // the first run makes it
            if (directory.Length > 0 && DirectoryCheck.Find(place, "the source's directory in the store") is var (problem, mend))
                yield return Error(place, problem, mend);
            if (UnreadableFiles.In(place, isBackup) is not { } unreadable)
                yield return Error(place, $"the directory may not be listed by this user, {me}", $"sudo chown {me} '{place}' && sudo chmod u+rwx '{place}'");
            else if (unreadable is [var first, ..])
                yield return Error(first, $"{unreadable.Count} file{(unreadable.Count == 1 ? "" : "s")} of backups in '{place}' may not be read by this user, {me}", $"sudo find '{place}' -maxdepth 1 -type f -name '*_????????_??????*' -exec chown {me} {{}} + -exec chmod u+rw {{}} +");
            if (mayGroupRead && Readers is { } readers && FileStatus.Of(place) is { } status && !readers.MayLookInto(status))
                yield return Warning(GroupKey, Group!, $"that group may not look into '{place}', which was made when the database was not to be read by its own group", $"sudo chgrp '{Group}' '{place}' && sudo chmod g=rx '{place}'");
        }

        private ConfigurationProblem Error(string value, string problem, string mend) => new(KeyPath.Join("stores", Name, "path"), Line: 0, value, problem, mend);

        private ConfigurationProblem Warning(string key, string value, string problem, string mend) =>
            new(KeyPath.Join("stores", Name, key), Line: 0, value, problem, mend, IsError: false);
    }
}

/// <summary>Files that this user may not read: another one made them.</summary>
internal static class UnreadableFiles
{
    /// <returns>In ordinal order; null when the directory may not be listed.</returns>
    public static IReadOnlyList<string>? In(string directory, Func<string, bool> isMeant)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory).Where(file => isMeant(Path.GetFileName(file)) && !IsReadable(file)).Order(StringComparer.Ordinal)];
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
        catch (IOException)
        {
            return []; // who works there is told why
        }
    }

    private static bool IsReadable(string file)
    {
        try
        {
            RegularFile.OpenRead(file).Dispose();
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true; // gone, or no file: told elsewhere
        }
    }
}

/// <summary>Files that more users may read than ought to: an earlier version made them, or somebody by hand.</summary>
internal static class WideFiles
{
    /// <returns>The first that the directory holds at any depth, and whose files are to be closed; null where there is none, or it can't be looked at. None lies open where the directory itself is closed.</returns>
    public static (string File, SystemUser Owner)? FindIn(string directory, SystemGroup? readers)
    {
        try
        {
            if (FileStatus.Of(directory) is not { } store || !IsWide(store, store.OpenToOthers, readers))
                return null;
            var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };
            foreach (var file in Directory.EnumerateFiles(directory, "*", everything))
            {
                if (FileStatus.Of(file) is { } status && IsWide(status, status.Mode & FileOwner.OthersAccess, readers) && Closer(store, status) is { } owner)
                    return (file, owner);
            }

            return null;
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            return null; // what can't be looked at is told elsewhere
        }
    }

    private static bool IsWide(FileStatus status, UnixFileMode open, SystemGroup? readers) =>
        (open & ~(status.Group == readers?.Id ? UnixFileMode.GroupRead | UnixFileMode.GroupExecute : UnixFileMode.None)) != UnixFileMode.None;

    /// <summary>Who closes his own files, the directory among them if it is his. Null: the agent may read the file only because it is open.</summary>
    private static SystemUser? Closer(FileStatus store, FileStatus file)
    {
        if (store.Entry == DirectoryEntry.Owner)
            return new SystemUser(store.User);
        var me = SystemUser.Current;
        return (me.IsRoot ? file.User != 0 : file.User == me.Id) ? new SystemUser(file.User) : null;
    }
}

/// <summary>Looks at a directory as an operator would.</summary>
internal sealed class LocalStoreInspection(string root) : IStoreInspection
{
    public string? CommandFor(StoreQuestion question, string path) => question switch
    {
        StoreQuestion.WhichDisk => On(path, "findmnt", "-T"),
        StoreQuestion.HowFull => On(path, "df", "-h"),
        StoreQuestion.WhatIsThere => On(path, "ls", "-la"),
        StoreQuestion.WhoseIsIt => On(path, "ls", "-ld"),
        StoreQuestion.IsTheDiskSound => "dmesg | tail; smartctl -H",
        StoreQuestion.WhatIsItsSum => $"cd '{Path.GetDirectoryName(Locate(path))}' && sha256sum '{Path.GetFileName(path)}'",
        _ => null,
    };

    public IReadOnlyList<string> Handover(string path, string user) => [On(path, "sudo", "chown", "-R", user), On(path, "sudo", "chmod", "u+rwx")];

    public (string? Like, string Mend) Emptied => ("as on a mount point without its disk", $"mount its disk ({CommandFor(StoreQuestion.WhichDisk, "")})");

    public string? Rename(string from, string to) => $"mv '{Locate(from)}' '{Locate(to)}'";

    private string On(string path, params string[] words) => ToolProcess.Line([.. words, Locate(path)]);

    private string Locate(string path) => KernelPath.Absolute(path, root);
}
