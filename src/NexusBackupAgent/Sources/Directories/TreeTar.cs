using System.Formats.Tar;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>
/// An entry of a tree as an entry of an archive, so that <c>tar -xzpf</c> restores it. The archive's library knows a time to 100
/// nanoseconds, no line break in a name in the PAX format, and no holes; the inventory knows the former, GNU's format the second, PAX attributes the last.
/// </summary>
internal static class TreeTar
{
    private const string SparseName = "GNU.sparse.name";
    private const string SparseSize = "GNU.sparse.realsize";
    private const string SparseMajor = "GNU.sparse.major";
    private const string SparseMinor = "GNU.sparse.minor";
    private const int Nobody = 65534;
    private const int NanosecondsPerTick = 100;

    /// <param name="content">Of a file; where there is a map, as that stores it.</param>
    /// <param name="map">Where its data is; null: everywhere.</param>
    public static TarEntry Of(TreeEntry entry, Stream? content = null, SparseMap? map = null)
    {
        var type = entry switch { { Type: TreeEntryType.Directory } => TarEntryType.Directory, { Type: TreeEntryType.SymbolicLink } => TarEntryType.SymbolicLink, { IsHardLink: true } => TarEntryType.HardLink, _ => TarEntryType.RegularFile };
        var name = type == TarEntryType.Directory ? entry.Path + "/" : entry.Path;
        PosixTarEntry made;
        if (entry.Path.Contains('\n') || entry.Target?.Contains('\n') == true)
        {
            made = new GnuTarEntry(type, name);
        }
        else
        {
            var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var (attribute, value) in entry.Attributes ?? TreeEntry.NoAttributes)
                TreeAttributes.Add(attributes, attribute, value);
            if (map is not null)
            {
                (attributes[SparseMajor], attributes[SparseMinor]) = ("1", "0");
                (attributes[SparseName], attributes[SparseSize]) = (entry.Path, entry.Size.ToString(CultureInfo.InvariantCulture));
                name = $"{Path.GetDirectoryName(entry.Path)}/GNUSparseFile.0/{Path.GetFileName(entry.Path)}"; // what a tar makes of it that knows nothing of holes
            }

            made = new PaxTarEntry(type, name, attributes);
        }

        made.Mode = (UnixFileMode)entry.Mode;
        made.Uid = Number(entry.User);
        made.Gid = Number(entry.Group);
        made.UserName = entry.UserName ?? "";
        made.GroupName = entry.GroupName ?? "";
        made.ModificationTime = Time(entry.Modified);
        if (entry.Target is not null)
            made.LinkName = entry.Target;
        if (content is not null)
            made.DataStream = content;
        return made;
    }

    /// <summary>The path in the tree that an entry of an archive is of.</summary>
    public static string PathOf(TarEntry found) => (SparseAttributesOf(found)?[SparseName] ?? found.Name).TrimEnd('/');

    /// <summary>Whether an entry says of a file what the inventory says, as far as an archive can.</summary>
    public static bool Looks(TarEntry found, TreeEntry expected) =>
        ((int)found.Mode, found.Uid, found.Gid) == (expected.Mode, Number(expected.User), Number(expected.Group))
        && (found.Format == TarEntryFormat.Gnu ? found.ModificationTime.ToUnixTimeSeconds() == Math.Max(0, Time(expected.Modified).ToUnixTimeSeconds()) : found.ModificationTime == Time(expected.Modified));

    /// <summary>The content of a file's entry, holes filled with zeros.</summary>
    public static (Stream Content, bool HasHoles) ContentOf(TarEntry found)
    {
        var stored = found.DataStream ?? Stream.Null;
        return SparseAttributesOf(found) is { } sparse && found.Name != sparse[SparseName]
            ? (new SparseExpansion(stored, long.TryParse(sparse.GetValueOrDefault(SparseSize), NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : throw new InvalidDataException($"'/{sparse[SparseName]}' has holes and no size")), true)
            : (stored, false);
    }

    private static IReadOnlyDictionary<string, string>? SparseAttributesOf(TarEntry found) =>
        found is PaxTarEntry { EntryType: TarEntryType.RegularFile } pax && pax.ExtendedAttributes.GetValueOrDefault(SparseMajor) == "1" && pax.ExtendedAttributes.ContainsKey(SparseName) ? pax.ExtendedAttributes : null;

    /// <summary>Numbers beyond what the library can write are kept in the inventory alone.</summary>
    private static int Number(uint id) => id > int.MaxValue ? Nobody : (int)id;

    private static DateTimeOffset Time(long nanoseconds) => DateTimeOffset.UnixEpoch.AddTicks((long)Math.Floor((decimal)nanoseconds / NanosecondsPerTick));
}

/// <summary>How extended attributes stand in an archive, so that tar and bsdtar restore them.</summary>
internal static class TreeAttributes
{
    private const string OfText = "SCHILY.xattr."; // GNU tar --xattrs
    private const string OfBytes = "LIBARCHIVE.xattr."; // bsdtar, in Base64; GNU tar has no form for what is no text

    public static void Add(Dictionary<string, string> header, string name, string base64)
    {
        var value = Convert.FromBase64String(base64);
        if (AclText.Of(name, value) is { } acl)
            header[name == AclText.Default ? "SCHILY.acl.default" : "SCHILY.acl.access"] = acl;
        else if (Utf8.IsValid(value) && !value.Contains((byte)'\n') && !name.Contains('=', StringComparison.Ordinal))
            header[OfText + name] = Encoding.UTF8.GetString(value);
        else
            header[OfBytes + Uri.EscapeDataString(name)] = base64.TrimEnd('=');
    }
}

/// <summary>An access control list in words, as GNU tar reads it (acl(5)).</summary>
internal static class AclText
{
    public const string Access = "system.posix_acl_access";
    public const string Default = "system.posix_acl_default";

    private const int EntrySize = 8;
    private const uint Version = 2;

    /// <returns>Null: it is no such list.</returns>
    public static string? Of(string attribute, ReadOnlySpan<byte> value)
    {
        if (attribute is not (Access or Default) || value.Length < 4 || (value.Length - 4) % EntrySize != 0 || BitConverter.ToUInt32(value) != Version)
            return null;
        var entries = new List<string>();
        for (var at = value[4..]; at.Length > 0; at = at[EntrySize..])
        {
            var (tag, rights, id) = (BitConverter.ToUInt16(at), BitConverter.ToUInt16(at[2..]), BitConverter.ToUInt32(at[4..]));
            var who = tag switch { 1 => "user:", 2 => $"user:{id}", 4 => "group:", 8 => $"group:{id}", 16 => "mask:", 32 => "other:", _ => null };
            if (who is null)
                return null;
            entries.Add($"{who}:{((rights & 4) != 0 ? 'r' : '-')}{((rights & 2) != 0 ? 'w' : '-')}{((rights & 1) != 0 ? 'x' : '-')}");
        }

        return string.Join(',', entries);
    }
}
