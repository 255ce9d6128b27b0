using System.IO.Enumeration;
using System.Text.RegularExpressions;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>The files of a directory with what the kernel says of each. One question for each file: a catalog may hold half a million.</summary>
internal static partial class DirectoryListing
{
    // Every name counts, and what can't be looked at is an error and no absence.
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = default, IgnoreInaccessible = false, MatchType = MatchType.Simple };

    private const FileAttributes Nowhere = (FileAttributes)(-1); // what .NET reports for what does not exist

    /// <returns>
    /// Those that are still there when they are asked about, in the order of the directory. No pipes, sockets and devices:
    /// whoever opened one would wait for its other end.
    /// </returns>
    /// <exception cref="IOException">The directory can't be listed, or a file in it can't be asked about.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static async Task<IReadOnlyList<StoredFile>> ReadAsync(string directory, CancellationToken cancellationToken)
    {
        string[] names = [.. new FileSystemEnumerable<string>(directory, (ref entry) => entry.FileName.ToString(), Everything) { ShouldIncludePredicate = (ref entry) => !entry.IsDirectory }];
        var files = new StoredFile[names.Length];
        await Sections.DoAsync(names.Length, DescribeSection, cancellationToken);
        return Array.TrueForAll(files, file => file.Name is not null) ? files : [.. files.Where(file => file.Name is not null)];

        ValueTask DescribeSection(int from, int to, CancellationToken token)
        {
            Describe(directory, names.AsSpan(from..to), files.AsSpan(from..to));
            return ValueTask.CompletedTask;
        }
    }

    /// <param name="files">Gets one for each name; one without a name has gone.</param>
    private static void Describe(string directory, ReadOnlySpan<string> names, Span<StoredFile> files)
    {
        using var folder = new OpenFolder(directory);
        for (var place = 0; place < names.Length; place++)
        {
            files[place] = folder.StatusOf(names[place]) is not { } status ? DescribeOdd(new FileInfo(Path.Combine(directory, names[place])))
                : status.IsRegular ? Describe(names[place], status)
                : default;
        }
    }

    private static StoredFile Describe(string name, FileStatus status) =>
        new(name, (long)status.Length, DateTimeOffset.UnixEpoch.AddTicks(status.Modified / TimeSpan.NanosecondsPerTick)) { ChangedAt = status.ChangedAt, IsUnfinished = IsUnfinished(name) };

    /// <summary>Of what the kernel's quick answer was no: a link that leads nowhere is there, and what can't be asked about is not gone.</summary>
    private static StoredFile DescribeOdd(FileInfo file) =>
        IsThere(file) ? new StoredFile(file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc)) { ChangedAt = FileStatus.Of(file.FullName)?.ChangedAt, IsUnfinished = IsUnfinished(file.Name) } : default;

    /// <summary>One file, as a listing tells it.</summary>
    public static StoredFile Describe(FileInfo file) => FileStatus.Of(file.FullName) is { } status ? Describe(file.Name, status) : DescribeOdd(file);

    private static bool IsUnfinished(string name) => name.StartsWith('.') && Unfinished().IsMatch(name);

    /// <summary>Whether something bears the path; unlike <see cref="FileSystemInfo.Exists"/> it does not take what it can't learn for a no.</summary>
    /// <exception cref="IOException">It can't be asked.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static bool IsThere(FileSystemInfo place) => place.Attributes != Nowhere;

    [GeneratedRegex(@"^\..+\.[0-9a-f]{8}\.partial$")]
    private static partial Regex Unfinished();
}
