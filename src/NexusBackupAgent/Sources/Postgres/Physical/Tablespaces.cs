using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A tablespace of a cluster's own.</summary>
/// <param name="Oid">Names its link in <c>pg_tblspc</c>.</param>
/// <param name="Place">The directory that it was in when it was backed up.</param>
internal sealed record Tablespace(string Oid, string Place);

/// <summary>The file <c>tablespace_map</c> of a base backup: recovery makes the links of the tablespaces from it.</summary>
internal static class TablespaceMap
{
    public const string Path = "tablespace_map";

    /// <summary>Where the files of tablespaces are in a backup, each below its OID.</summary>
    public const string Prefix = "pg_tblspc/";

    /// <summary>A line is an OID, a space and a path, in which a backslash stands before what would end the line.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static IReadOnlyList<Tablespace> Parse(byte[] content)
    {
        var found = new List<Tablespace>();
        var line = new StringBuilder();
        var isEscaped = false;
        foreach (var letter in Encoding.UTF8.GetString(content))
        {
            if (letter == '\n' && !isEscaped)
            {
                found.Add(One(line.ToString()));
                line.Clear();
            }
            else if (letter != '\\' || isEscaped)
            {
                line.Append(letter);
            }

            isEscaped = letter == '\\' && !isEscaped;
        }

        return found;
    }

    public static byte[] Write(IEnumerable<Tablespace> tablespaces) =>
        Encoding.UTF8.GetBytes(string.Concat(tablespaces.Select(one => $"{one.Oid} {one.Place.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\\n", StringComparison.Ordinal)}\n")));

    private static Tablespace One(string line) =>
        line.IndexOf(' ', StringComparison.Ordinal) is > 0 and var space && uint.TryParse(line.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out _) && line[space + 1] == '/'
            ? new Tablespace(line[..space], line[(space + 1)..])
            : throw new InvalidDataException($"{Path} is damaged: '{line}' is no tablespace");
}

/// <summary>
/// WAL that makes a tablespace names the directory for it, and recovery makes it there: on the live one's machine in the live
/// one's own. So nothing recovers such WAL.
/// </summary>
internal static partial class TablespaceWal
{
    private static readonly TimeSpan ForReading = TimeSpan.FromHours(24);

    /// <param name="directory">Holds segments and, perhaps, other files.</param>
    /// <exception cref="BackupException">One of them makes a tablespace.</exception>
    public static async Task RequireNoneAsync(PostgresTools tools, int major, string directory, int segmentSize, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var names = Directory.EnumerateFiles(directory).Select(file => System.IO.Path.GetFileName(file)!).Where(name => WalSegment.TryParse(name, segmentSize, out _)).Order(StringComparer.Ordinal);
        foreach (var timeline in names.GroupBy(name => name[..8]).Select(group => group.ToList()))
        {
            var tool = await tools.FindAsync("pg_waldump", major, ToolFit.Same, cancellationToken);
            var said = await ToolProcess.RunAsync([tool.Path, "--path", directory, "--rmgr=Tablespace", timeline[0], timeline[^1]], ForReading, timeProvider, cancellationToken);
            if (Creation().Match(said.Output) is { Success: true } creation)
            {
                throw new BackupException(
                    FailureKind.Restore,
                    $"the WAL that would be recovered makes a tablespace at {creation.Groups["place"].Value.Trim()}, and recovery would make it there, where the live one has its own",
                    "restore a full or differential backup that was made after that (--id), without the WAL before it; if there is none, make one: nexus-backup backup --type differential");
            }
        }
    }

    [GeneratedRegex("desc: CREATE [0-9]+ (?<place>.*)", RegexOptions.ExplicitCapture)]
    private static partial Regex Creation();
}

/// <summary>pg_basebackup writes an archive for each tablespace; in a backup they are one, as if the tablespaces lay in the data directory.</summary>
internal static class TablespaceArchives
{
    private const string Base = "base.tar";

    /// <summary>Writes them as one archive.</summary>
    /// <param name="directory">What pg_basebackup wrote.</param>
    public static async Task MergeAsync(string directory, Stream target, CancellationToken cancellationToken)
    {
        await using var tar = new TarWriter(target, TarEntryFormat.Gnu, leaveOpen: true);
        await CopyAsync(System.IO.Path.Combine(directory, Base), "", tar, cancellationToken); // first: the map of the tablespaces is in it
        foreach (var archive in Directory.EnumerateFiles(directory, "*.tar").Where(file => System.IO.Path.GetFileName(file) != Base).Order(StringComparer.Ordinal))
            await CopyAsync(archive, $"{TablespaceMap.Prefix}{System.IO.Path.GetFileNameWithoutExtension(archive)}/", tar, cancellationToken);
        var manifest = Directory.EnumerateFiles(directory, ClusterManifest.Path + "*").FirstOrDefault() ?? throw new InvalidDataException($"it has no {ClusterManifest.Path}");
        await using var content = new FileStream(manifest, FileMode.Open, FileAccess.Read);
        await tar.WriteEntryAsync(new GnuTarEntry(TarEntryType.RegularFile, ClusterManifest.Path) { DataStream = content, Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite }, cancellationToken);
    }

    /// <summary>Each is removed when it was copied.</summary>
    private static async Task CopyAsync(string archive, string prefix, TarWriter tar, CancellationToken cancellationToken)
    {
        await using var content = new FileStream(archive, FileMode.Open, FileAccess.Read, FileShare.Delete, 1 << 16, FileOptions.SequentialScan | FileOptions.DeleteOnClose);
        await using var reader = new TarReader(content, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            if (entry.EntryType is not (TarEntryType.Directory or TarEntryType.RegularFile or TarEntryType.V7RegularFile))
                continue;
            var copied = new GnuTarEntry(entry.EntryType == TarEntryType.Directory ? TarEntryType.Directory : TarEntryType.RegularFile, prefix + entry.Name) { Mode = entry.Mode, ModificationTime = entry.ModificationTime };
            if (entry.DataStream is { } data)
                copied.DataStream = data;
            await tar.WriteEntryAsync(copied, cancellationToken);
        }
    }
}

/// <summary>Where the tablespaces of a restored cluster go. Each is made beside its place, and takes it when the cluster takes its own.</summary>
/// <param name="moves">Where those go that do not go to their old place.</param>
/// <param name="practice">The directory for those of a drill, which stay in it; null: it is none.</param>
/// <param name="note">A file that says where they are made, for whoever cleans up after a kill.</param>
internal sealed class RestoredTablespaces(IReadOnlyList<PlaceMove> moves, string? practice, ServerUser user, string note)
{
    private const string Inner = "tablespace";

    private readonly List<(Tablespace Tablespace, string Work, string Target)> made = [];
    private readonly List<string> switched = [];

    /// <summary>Where the files of each are, until they take their place.</summary>
    public IReadOnlyList<string> Directories => [.. made.Select(one => Path.Combine(one.Work, Inner))];

    /// <summary>Makes a directory for each, with its link in the data directory.</summary>
    /// <returns>The map for recovery.</returns>
    /// <exception cref="BackupException">One can't go where it would.</exception>
    public byte[] Make(IReadOnlyList<Tablespace> tablespaces, string data)
    {
        var planned = practice is null ? Plan(tablespaces, moves, user) : [];
        if (planned.Select(part => part.Obstacle).FirstOrDefault(found => found is not null) is { } obstacle)
            throw obstacle;
        if (tablespaces.Count > 0)
            Directory.CreateDirectory(Path.Combine(data, TablespaceMap.Prefix), FileOwner.OwnersDirectory);
        foreach (var (index, tablespace) in tablespaces.Index())
        {
            var (target, work) = practice is not null ? ("", Path.Combine(practice, tablespace.Oid)) : (planned[index].To, Beside(planned[index].To));
            File.AppendAllText(note, work + "\n");
            made.Add((tablespace, work, target));
            user.MakeWay(work);
            SafeFile.MakeDirectory(Path.Combine(work, Inner), FileOwner.OwnersDirectory, inherit: false);
            File.CreateSymbolicLink(LinkOf(data, tablespace), Path.Combine(work, Inner));
        }

        return TablespaceMap.Write(made.Select(one => one.Tablespace with { Place = Path.Combine(one.Work, Inner) }));
    }

    /// <summary>The whole backup was read.</summary>
    /// <exception cref="BackupException">It has none of a name that is to go elsewhere.</exception>
    public void RequireKnown() => RequireKnown([.. made.Select(one => one.Tablespace)], moves);

    /// <summary>Where each goes, and what forbids that.</summary>
    /// <exception cref="BackupException">There is none of a name that is to go elsewhere.</exception>
    public static IReadOnlyList<RestoredPart> Plan(IReadOnlyList<Tablespace> tablespaces, IReadOnlyList<PlaceMove> moves, ServerUser user)
    {
        RequireKnown(tablespaces, moves);
        var planned = new List<RestoredPart>();
        foreach (var (_, place) in tablespaces)
        {
            var target = moves.FirstOrDefault(one => one.From == place)?.To ?? place;
            planned.Add(new RestoredPart(place, target, ObstacleTo(place, target, isTaken: planned.Exists(one => one.To == target), user)));
        }

        return planned;
    }

    /// <summary>Has them take their places.</summary>
    public void Switch(string data)
    {
        foreach (var (tablespace, work, target) in practice is null ? made : [])
        {
            if (new FileInfo(LinkOf(data, tablespace)).LinkTarget is null)
                continue; // recovery dropped it
            if (Directory.Exists(target))
                Directory.Delete(target); // an empty one
            SafeFile.Move(Path.Combine(work, Inner), target);
            switched.Add(target);
            File.Delete(LinkOf(data, tablespace));
            File.CreateSymbolicLink(LinkOf(data, tablespace), target);
        }
    }

    /// <summary>Makes that survive a power cut.</summary>
    public void MakeDurable()
    {
        foreach (var parent in switched.Select(target => Path.GetDirectoryName(target)!).Distinct(StringComparer.Ordinal))
            DurableDirectory.Sync(parent);
    }

    /// <summary>Removes what took its place.</summary>
    public void RollBack()
    {
        foreach (var target in switched)
            RemoveOf(user, target);
        switched.Clear();
    }

    /// <summary>Removes what was not put in place.</summary>
    public void Remove()
    {
        foreach (var (_, work, _) in made)
            user.Remove(work);
    }

    /// <summary>Removes what a killed restore noted.</summary>
    public static void RemoveLeft(string note, ServerUser user, Func<string, bool> isOwn)
    {
        foreach (var work in File.Exists(note) ? File.ReadAllLines(note) : [])
        {
            if (isOwn(work) && Directory.Exists(work))
                user.Remove(work);
        }
    }

    private static void RequireKnown(IReadOnlyList<Tablespace> tablespaces, IReadOnlyList<PlaceMove> moves)
    {
        if (moves.FirstOrDefault(move => !tablespaces.Any(one => one.Place == move.From)) is { } unknown)
            throw new BackupException(FailureKind.Configuration, $"the backup has no tablespace '{unknown.From}'", tablespaces.Count == 0 ? "it has none; leave --tablespace out" : $"it has {string.Join(", ", tablespaces.Select(one => $"'{one.Place}'"))}");
    }

    private static string LinkOf(string data, Tablespace tablespace) => Path.Combine(data, TablespaceMap.Prefix, tablespace.Oid);

    private static void RemoveOf(ServerUser user, string directory)
    {
        if (user.Owner is not null)
        {
            using var open = SafeFile.OpenDirectory(directory);
            SafeFile.Give(open, new FileOwner(0, 0, FileOwner.OwnersDirectory)); // from now on nobody else can change what is in it
        }

        SafeFile.DeleteTree(directory);
    }

    private static string Beside(string target) => Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}{ClusterTarget.Ending}");

    private static BackupException? ObstacleTo(string place, string target, bool isTaken, ServerUser user)
    {
        if (ReasonAgainst(target, isTaken) is { } reason)
        {
            return new BackupException(
                FailureKind.Restore,
                $"the tablespace '{place}' can't {(target == place ? "go to its old place" : $"go to '{target}'")}: {reason}",
                $"name {(target == place ? "a" : "another")} place for it that is not there yet: --tablespace {ToolProcess.Line([$"{place}=/srv/restored"])}");
        }

        return user.Obstacle(Path.GetDirectoryName(target)!) is { } closed
            ? new BackupException(FailureKind.Permission, $"the tablespace '{place}' can't go to '{target}': the user as whom PostgreSQL runs can't go through '{closed}'", $"let others go through it (chmod o+x '{closed}'), or name another place with --tablespace")
            : null;
    }

    private static string? ReasonAgainst(string target, bool isTaken)
    {
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            return $"there is something in '{target}'";
        if (isTaken)
            return "another one goes there";
        if (Mount.IsAt(target))
            return "it is mounted by itself, and what is mounted can't be replaced";
        if (Path.GetDirectoryName(target) is not { } parent || !Directory.Exists(parent))
            return $"'{Path.GetDirectoryName(target)}' does not exist";
        return FileOwner.CanWriteIn(parent) ? null : $"the user {SystemUser.Current.Name} may not write in '{parent}'";
    }
}

/// <summary>Takes a small file whole, and then does something with it.</summary>
internal sealed class SmallFileStream(Action<byte[]> then) : ForwardWriteStream
{
    private readonly MemoryStream content = new();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => await content.WriteAsync(buffer, cancellationToken);

    public override ValueTask DisposeAsync()
    {
        then(content.ToArray());
        return base.DisposeAsync();
    }
}
