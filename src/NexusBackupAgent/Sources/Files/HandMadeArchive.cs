using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Files;

/// <summary>An archive that somebody made by hand: nothing says what it ought to hold.</summary>
internal static class HandMadeArchive
{
    /// <summary>The refusal to restore what nothing can be compared with.</summary>
    /// <param name="byHand">How a person restores it.</param>
    public static BackupException Refusal(StoredLink link, string byHand) => new(
        FailureKind.Restore, $"{link.Name} was made by hand and has no inventory, so nothing can be compared with it", $"restore it by hand ({byHand}), or name another backup (--id)");

    /// <summary>Reads it to its end.</summary>
    /// <param name="shown">What can be read, by the number of its entries.</param>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public static async Task<ContentCheck> CheckAsync(StoredLink link, Func<int, string> shown, CancellationToken cancellationToken)
    {
        var count = 0;
        try
        {
            await PassingTar.ReadAsync(
                link.CopyContentAsync,
                (_, _) =>
                {
                    count++;
                    return Task.CompletedTask;
                },
                cancellationToken);
        }
        catch (InvalidDataException odd)
        {
            return new ContentCheck(odd.Message);
        }

        return new ContentCheck(Finding: null, Note: $"it was made by hand: {shown(count)} can be read, and no inventory says what it ought to hold");
    }
}
