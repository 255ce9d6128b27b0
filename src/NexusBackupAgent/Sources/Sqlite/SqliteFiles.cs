using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>What SQLite makes of database files that nobody else uses: restored ones, and live ones whose service is stopped.</summary>
internal sealed class SqliteFiles : IFileContent
{
    /// <summary>What SQLite keeps beside a database while it is open; never databases themselves.</summary>
    public static readonly IReadOnlyList<string> Beside = ["-wal", "-shm", "-journal"];

    public IReadOnlyList<string> Companions => Beside;

    /// <summary>Expands the full backup, brings each increment into it, then checks and digests the result side by side.</summary>
    public async Task<ContentCheck> ExpandAsync(StoredChain chain, string file, CancellationToken cancellationToken)
    {
        foreach (var link in chain.Links)
            await ExpandAsync(link, file, cancellationToken);
        var checking = Task.Run(() => SqliteIntegrity.Check(file, cancellationToken), CancellationToken.None);
        var digesting = chain.Links.Count == 1 ? Task.FromResult<ArtifactDigest?>(null) : Task.Run<ArtifactDigest?>(() => DigestOf(file, cancellationToken), CancellationToken.None);
        await Task.WhenAll(checking, digesting); // both read the same file, each on a core of its own
        return await checking with { Restored = await digesting };
    }

    public Task<ProbeAnswer> ProbeAsync(string file, string question, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteProbe.Ask(file, question, cancellationToken), CancellationToken.None);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Save(path, copy, cancellationToken), CancellationToken.None);

    public Task MergeCompanionsAsync(string path, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Settle(path), CancellationToken.None);

    private static async Task ExpandAsync(StoredLink link, string file, CancellationToken cancellationToken)
    {
        try
        {
            if (link.Type == BackupType.Full)
            {
                await using var content = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
                await link.CopyContentAsync(content, cancellationToken);
                return;
            }

            using var increment = new WalApplier(file);
            await link.CopyContentAsync(increment, cancellationToken);
            await increment.DisposeAsync(); // says that all was given
        }
        catch (InvalidDataException refused)
        {
            throw link.Refuse(refused.Message);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            var directory = Path.GetDirectoryName(file)!;
            throw IoFailure.Translate(failure, $"expand backup {link.Name} in '{directory}'", directory);
        }
    }

    private static ArtifactDigest DigestOf(string file, CancellationToken cancellationToken) => new(new FileInfo(file).Length, FileDigest.Of(file, cancellationToken));
}
