using System.Globalization;
using System.Security.Cryptography;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>All that a person can see of a directory's files, as text to be compared.</summary>
internal static class Listing
{
    public static string Of(string directory) => string.Join('\n', Directory.EnumerateFileSystemEntries(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
        .Append(directory).Order(StringComparer.Ordinal).Select(path => Line(path, directory)));

    private static string Line(string path, string directory)
    {
        var status = FileStatus.OfNoLink(path)!.Value;
        var content = status.Type switch
        {
            FileType.Regular => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))),
            FileType.SymbolicLink => new FileInfo(path).LinkTarget,
            _ => "",
        };
        var attributes = string.Join(' ', FileMetadata.AttributesOf(path).Select(attribute => $"{attribute.Key}={Convert.ToHexStringLower(attribute.Value)}"));
        var names = status.Type == FileType.Directory ? 0 : status.Names;
        return string.Create(CultureInfo.InvariantCulture, $"{path[directory.Length..]} {status.Type} {Convert.ToString((int)status.Mode, 8)} {status.User}:{status.Group} {status.Modified} {names} {content} {attributes}");
    }
}
