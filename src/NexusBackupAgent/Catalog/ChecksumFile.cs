using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Catalog;

/// <summary>The <c>.sha256</c> file beside an artifact, as <c>sha256sum --check</c> reads it.</summary>
internal static class ChecksumFile
{
    public static Task WriteAsync(SourceDirectory directory, BackupManifest manifest, CancellationToken cancellationToken) =>
        directory.WriteTextAsync(BackupFiles.Checksum(manifest.File), $"{manifest.Stored.Sha256}  {manifest.File}\n", cancellationToken);

    /// <returns>The SHA-256, in lower case, from a file that somebody may have made by hand; null when there is none.</returns>
    /// <exception cref="BackupException">It can't be read.</exception>
    public static async Task<string?> ReadAsync(SourceDirectory directory, string artifact, CancellationToken cancellationToken)
    {
        if (!(await directory.ListAsync(cancellationToken)).TryGetCompanion(artifact, BackupFiles.Checksum, out var checksum))
            return null;
        try
        {
            await using var stream = await directory.OpenReadAsync(checksum.Value.Name, cancellationToken);
            using var reader = new StreamReader(stream);
            return DigestIn(await reader.ReadLineAsync(cancellationToken) ?? "");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{directory.Locate(checksum.Value.Name)}'", directory.Locate(""));
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
