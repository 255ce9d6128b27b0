using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>The <c>.sha256</c> file beside an artifact, as <c>sha256sum --check</c> reads it: the artifact's line first, then one for each further part.</summary>
internal static class ChecksumFile
{
    public static Task WriteAsync(SourceDirectory directory, BackupManifest manifest, CancellationToken cancellationToken) =>
        directory.PutTextAsync(
            BackupFiles.Checksum(manifest.File),
            string.Concat(manifest.Parts.Select(part => Line(part.Stored, BackupFiles.Part(manifest.File, part.Name))).Prepend(Line(manifest.Stored, manifest.File))),
            Durability.NameLater,
            cancellationToken);

    private static string Line(ArtifactDigest stored, string file) => $"{stored.Sha256}  {file}\n";

    /// <returns>The SHA-256, in lower case, from a file that somebody may have made by hand; null when there is none.</returns>
    /// <exception cref="BackupException">It can't be read.</exception>
    public static async Task<string?> ReadAsync(SourceDirectory directory, string artifact, CancellationToken cancellationToken)
    {
        if (!(await directory.ListAsync(cancellationToken)).TryGetCompanion(artifact, BackupFiles.Checksum, out var checksum))
            return null;
        try
        {
            await using var stream = await directory.OpenAsync(checksum.Value.Name, cancellationToken);
            using var reader = new StreamReader(stream);
            return DigestIn(await reader.ReadLineAsync(cancellationToken) ?? "");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{directory.Describe(checksum.Value.Name)}'", directory.Describe(""));
        }
    }

    private static string DigestIn(string line)
    {
        line = line.Trim().TrimStart('\\');
        var digest = line.StartsWith("SHA256", StringComparison.Ordinal) && line.Contains('=')
            ? line[(line.LastIndexOf('=') + 1)..].TrimStart() // sha256sum --tag: SHA256 (file) = digest
            : line.Split(' ', 2)[0];
        return digest.ToLowerInvariant();
    }
}
