using System.Diagnostics.CodeAnalysis;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>The files of a source's directory at one instant, and which of them belong together.</summary>
/// <param name="files">By name.</param>
/// <param name="extensions">What the artifacts' names end with before they are set aside.</param>
internal sealed class DirectoryFiles(Dictionary<string, StoredFile> files, ArtifactExtensions extensions)
{
    /// <summary>Whether anything bears the name of an artifact that was set aside; mostly nothing does, and then nothing is looked up under a second name.</summary>
    private readonly bool hasSetAside = files.Keys.Any(BackupFiles.IsOfSetAside);

    public IReadOnlyDictionary<string, StoredFile> ByName => files;

    public IEnumerable<StoredFile> Artifacts => files.Values.Where(file => IsArtifact(file.Name));

    public bool Has(string file) => files.ContainsKey(file);

    /// <summary>Whether a name is an artifact's, as it was stored or set aside.</summary>
    public bool IsArtifact(string file) => extensions.EndsOf(BackupFiles.Original(file)) && !file.StartsWith('.');

    /// <summary>Whether an artifact's name says that it holds only what changed.</summary>
    public bool IsIncrement(string artifact) => extensions.IsIncrement(BackupFiles.Original(artifact));

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
    public IReadOnlyList<(string From, string To)> StraysOf(string artifact)
    {
        if (!hasSetAside)
            return [];
        var other = BackupFiles.OtherName(artifact);
        return Has(other)
            ? []
            : [.. BackupFiles.CompanionsOf(other).Zip(BackupFiles.CompanionsOf(artifact)).Where(pair => Has(pair.First) && !Has(pair.Second))];
    }

    /// <summary>Whether an artifact is here with its manifest, under either name.</summary>
    public bool IsCommitted(string artifact) => ((string[])[artifact, BackupFiles.OtherName(artifact)])
        .Any(name => Has(name) && TryGetCompanion(name, BackupFiles.Manifest, out _));

    /// <summary>Whether the artifact that a manifest speaks of is not here.</summary>
    public bool IsBereft(string artifact) => !Has(artifact) && (!Has(BackupFiles.OtherName(artifact)) || Has(BackupFiles.Manifest(BackupFiles.OtherName(artifact))));
}
