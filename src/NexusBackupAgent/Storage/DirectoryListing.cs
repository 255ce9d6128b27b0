using System.IO.Enumeration;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Storage;

/// <summary>The files of a directory with what the kernel says of each. One question for each file: a catalog may hold half a million.</summary>
internal static class DirectoryListing
{
    // Every name counts, and what can't be looked at is an error and no absence.
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = default, IgnoreInaccessible = false, MatchType = MatchType.Simple };

    /// <returns>Those that are still there when they are asked about, in the order of the directory.</returns>
    /// <exception cref="IOException">The directory can't be listed.</exception>
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
            files[place] = folder.StatusOf(names[place]) is { IsRegular: true } status
                ? Describe(names[place], status)
                : Describe(new FileInfo(Path.Combine(directory, names[place])));
        }
    }

    private static StoredFile Describe(string name, FileStatus status) =>
        new(name, (long)status.Length, DateTimeOffset.UnixEpoch.AddTicks(status.Modified / TimeSpan.NanosecondsPerTick)) { ChangedAt = status.ChangedAt };

    private static StoredFile Describe(FileInfo file) =>
        file.Exists ? new StoredFile(file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc)) { ChangedAt = FileStatus.Of(file.FullName)?.ChangedAt } : default;
}
