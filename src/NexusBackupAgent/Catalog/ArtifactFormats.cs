using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>How a source's artifacts of each type are named and encoded, and which names are theirs.</summary>
internal sealed class ArtifactFormats
{
    private readonly Dictionary<BackupType, ArtifactFormat> byType = [];
    private readonly ArtifactFormat[] all;
    private readonly string[] sidecars;
    private readonly string[] ofIncrementsAlone;

    /// <param name="formatOf">As the source tells it; null for a type that it does not have.</param>
    public ArtifactFormats(Func<BackupType, ArtifactFormat?> formatOf)
    {
        foreach (var type in Enum.GetValues<BackupType>())
        {
            if (formatOf(type) is { } format)
                byType[type] = format;
        }

        sidecars = [.. byType.Values.SelectMany(format => format.Sidecars).Distinct(StringComparer.Ordinal)];
        all = [.. byType.Values.Distinct().OrderByDescending(format => format.Extension.Length)];
        ofIncrementsAlone = [.. byType.Where(pair => pair.Key != BackupType.Full).Select(pair => pair.Value.Extension)
            .Where(extension => byType.GetValueOrDefault(BackupType.Full)?.Extension != extension).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Every file of a backup in the order of deleting: the manifest first, the artifact last but for the marks.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public string[] AllOf(string artifact, params IReadOnlyList<string> parts) => [.. CompanionsOf(artifact, parts), artifact, .. BackupFiles.MarksOf(artifact, parts)];

    /// <summary>What lies beside an artifact, the most telling first.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public string[] CompanionsOf(string artifact, params IReadOnlyList<string> parts) =>
        [.. BackupFiles.CompanionsOf(artifact), .. sidecars.Select(sidecar => artifact + sidecar), .. parts.Select(part => BackupFiles.Part(artifact, part))];

    /// <summary>A file beside an artifact that only an agent makes; null when there is none.</summary>
    public string? TraceOfAgent(string artifact, DirectoryFiles files) =>
        sidecars.Select(sidecar => artifact + sidecar).Append(BackupFiles.Drill(artifact)).Append(BackupFiles.Verification(artifact)).FirstOrDefault(files.Has);

    public ArtifactFormat? TryOf(BackupType type) => byType.GetValueOrDefault(type);

    public ArtifactFormat Of(BackupType type) =>
        TryOf(type) ?? throw new NotSupportedException($"a source of this kind has no {type.Word()} backups");

    /// <summary>Whether a name, as it was stored, is that of an artifact.</summary>
    public bool IsArtifact(string name) => FormatOf(name) is not null;

    /// <summary>Whether what an artifact's name ends with stands anywhere in a name.</summary>
    public bool Mentions(string name) => Array.Exists(all, format => name.Contains(format.Extension, StringComparison.Ordinal));

    /// <summary>Whether a name, as it was stored, is that of a differential or incremental artifact and of no full one.</summary>
    public bool IsIncrement(string name) => Array.Exists(ofIncrementsAlone, extension => name.EndsWith(extension, StringComparison.Ordinal));

    /// <summary>How an artifact of that name, as it was stored, would be encoded; null when the name is no artifact's.</summary>
    public ArtifactEncoding? EncodingOf(string name) => FormatOf(name)?.Encoding;

    /// <summary>The artifact, by the name under which it was stored, of which a file would be a further part; null when its name is no part's.</summary>
    public string? ArtifactOfPart(string file)
    {
        foreach (var format in all)
        {
            var end = file.IndexOf(format.Extension + ".", StringComparison.Ordinal) + format.Extension.Length;
            if (end > format.Extension.Length)
                return file[..end];
        }

        return null;
    }

    /// <summary>The artifact that a file is, or is a further part of, as it was stored or set aside.</summary>
    public string ArtifactOf(string file) => ArtifactOfPart(file) is { } artifact && BackupFiles.OtherName(artifact) != file ? artifact : file;

    private ArtifactFormat? FormatOf(string name) => Array.Find(all, format => name.EndsWith(format.Extension, StringComparison.Ordinal));
}
