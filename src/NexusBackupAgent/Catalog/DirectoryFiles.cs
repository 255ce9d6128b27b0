using System.Diagnostics.CodeAnalysis;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>The files of a source's directory at one instant, with what was changed since by who looked, and which of them belong together.</summary>
/// <param name="files">By name.</param>
/// <param name="formats">How artifacts are named before they are set aside.</param>
internal sealed class DirectoryFiles(Dictionary<string, StoredFile> files, ArtifactFormats formats)
{
    /// <summary>Whether anything bears the name of an artifact that was set aside; mostly nothing does, and then nothing is looked up under a second name.</summary>
    private bool hasSetAside = files.Keys.Any(BackupFiles.IsOfSetAside);

    public IReadOnlyDictionary<string, StoredFile> ByName => files;

    public IEnumerable<StoredFile> Artifacts => files.Values.Where(file => IsArtifact(file.Name));

    public bool Has(string file) => files.ContainsKey(file);

    /// <summary>Whether a name is an artifact's, as it was stored or set aside.</summary>
    public bool IsArtifact(string file) => formats.IsArtifact(BackupFiles.Original(file)) && !file.StartsWith('.') && !IsPart(file);

    /// <summary>Whether a file belongs to a committed backup as a further part, whatever its own name ends with.</summary>
    private bool IsPart(string file) =>
        formats.ArtifactOfPart(file) is { } artifact && BackupFiles.OtherName(artifact) != file && (Has(BackupFiles.Manifest(artifact)) || Has(BackupFiles.Manifest(BackupFiles.SetAside(artifact))));

    /// <summary>The further parts of an artifact that are marked as being written.</summary>
    public IReadOnlyList<string> MarkedPartsOf(string artifact) =>
        [.. files.Keys.Select(BackupFiles.ArtifactOfPending).OfType<string>().Where(marked => formats.ArtifactOfPart(marked) == artifact).Select(marked => marked[(artifact.Length + 1)..])];

    /// <summary>Notes what was written.</summary>
    public void Put(StoredFile file)
    {
        files[file.Name] = file;
        hasSetAside |= BackupFiles.IsOfSetAside(file.Name);
    }

    /// <summary>Notes what was deleted.</summary>
    public void Remove(string file) => files.Remove(file);

    /// <summary>Notes what was renamed. When that was, only the store knows.</summary>
    public void Rename(string from, string to)
    {
        if (files.Remove(from, out var file))
            Put(file with { Name = to, ChangedAt = null });
    }

    /// <summary>Whether an artifact's name says that it holds only what changed.</summary>
    public bool IsIncrement(string artifact) => formats.IsIncrement(BackupFiles.Original(artifact));

    /// <summary>
    /// A file beside an artifact, under the artifact's name or else under its other one: the artifact is renamed first,
    /// so a crash may leave its companions behind, and an operator renames it alone (runbook §3.2 [A]).
    /// </summary>
    /// <param name="artifact">The artifact's name now.</param>
    /// <param name="beside">Names the companion of an artifact.</param>
    public bool TryGetCompanion(string artifact, Func<string, string> beside, [NotNullWhen(true)] out StoredFile? companion)
    {
        if (!hasSetAside)
        {
            companion = files.TryGetValue(beside(artifact), out var only) ? only : null;
            return companion is not null;
        }

        var other = BackupFiles.OtherName(artifact);
        companion = files.TryGetValue(beside(artifact), out var own) ? own
            : !Has(other) && files.TryGetValue(beside(other), out var left) ? left
            : null;
        return companion is not null;
    }

    /// <summary>The companions of an artifact that bear its other name, and what they are to be called.</summary>
    /// <param name="parts">The names of its further parts.</param>
    public IReadOnlyList<(string From, string To)> StraysOf(string artifact, IReadOnlyList<string> parts)
    {
        if (!hasSetAside)
            return [];
        var other = BackupFiles.OtherName(artifact);
        return Has(other)
            ? []
            : [.. formats.CompanionsOf(other, parts).Zip(formats.CompanionsOf(artifact, parts)).Where(pair => Has(pair.First) && !Has(pair.Second))];
    }

    /// <summary>A further part of an artifact, under the artifact's name or else under its other one; null when it is gone.</summary>
    public StoredFile? PartOf(string artifact, string part) => TryGetCompanion(artifact, name => BackupFiles.Part(name, part), out var file) ? file : null;

    /// <summary>Whether an artifact is here with its manifest, under either name; of a further part: whether its artifact is.</summary>
    public bool IsCommitted(string file) => IsCommittedArtifact(formats.ArtifactOf(file));

    /// <summary>Whether an artifact is here, and its encoding leaves no sign of who wrote it.</summary>
    public bool IsUnsigned(string artifact) => Has(artifact) && formats.EncodingOf(BackupFiles.Original(artifact)) is { } encoding && !encoding.IsSigned();

    private bool IsCommittedArtifact(string artifact) => ((string[])[artifact, BackupFiles.OtherName(artifact)])
        .Any(name => Has(name) && TryGetCompanion(name, BackupFiles.Manifest, out _));

    /// <summary>Whether the artifact that a manifest speaks of is not here.</summary>
    public bool IsBereft(string artifact) => !Has(artifact) && (!Has(BackupFiles.OtherName(artifact)) || Has(BackupFiles.Manifest(BackupFiles.OtherName(artifact))));
}
