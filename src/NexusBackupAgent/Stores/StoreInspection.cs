using NexusBackupAgent.Common;

namespace NexusBackupAgent.Stores;

/// <summary>What an operator asks of a store that is in trouble; a kind of store knows the command for the shell that answers.</summary>
internal enum StoreQuestion
{
    /// <summary>Is its disk mounted?</summary>
    WhichDisk,

    /// <summary>How full is it?</summary>
    HowFull,

    /// <summary>What lies there, and whose is it?</summary>
    WhatIsThere,

    /// <summary>What was deleted there and can be brought back?</summary>
    WhatWasDeleted,

    /// <summary>Whose is the place itself?</summary>
    WhoseIsIt,

    /// <summary>Does its disk fail? The path says nothing more.</summary>
    IsTheDiskSound,

    /// <summary>Which line belongs into the <c>.sha256</c> beside this file? Run so that the line names the file alone, and can be sent to a file beside it.</summary>
    WhatIsItsSum,
}

/// <summary>
/// How a store is looked at and mended by who has to: in commands for the shell, or not at all. Paths are the store's own,
/// relative; empty: the store itself.
/// </summary>
internal interface IStoreInspection
{
    /// <returns>A command for the shell; null where this kind of store has none for the question.</returns>
    string? CommandFor(StoreQuestion question, string path);

    /// <summary>The commands that let a user of this machine use a place; none where users of this machine own nothing.</summary>
    IReadOnlyList<string> Handover(string path, string user);

    /// <summary>What it is like when all its files are missing at once (<c>as on a mount point without its disk</c>), null where it is like nothing; and what brings them back.</summary>
    (string? Like, string Mend) Emptied { get; }

    /// <summary>The command that gives a file another name; null where the store knows no such thing.</summary>
    string? Rename(string from, string to);
}

/// <summary>A store of which nothing is asked in a shell.</summary>
internal sealed class NoStoreInspection : IStoreInspection
{
    public static readonly NoStoreInspection Instance = new();

    public string? CommandFor(StoreQuestion question, string path) => null;

    public IReadOnlyList<string> Handover(string path, string user) => [];

    public (string? Like, string Mend) Emptied => (null, "see why it is not the one that it was");

    public string? Rename(string from, string to) => null;
}

internal static class StoreAdvice
{
    /// <summary>The failure of a store that hangs.</summary>
    public static BackupException Silent(this IBackupStore store) => new(
        FailureKind.StoreUnavailable,
        $"store '{store.Name}' at '{store.Describe("")}' does not answer",
        store.Inspection.CommandFor(StoreQuestion.IsTheDiskSound, "") is { } command ? $"see whether its disk or the network to it fails ({command})" : "see whether the way to it fails");

    /// <summary>Asks something of a store, for as long as it answers at all.</summary>
    /// <exception cref="BackupException">It does not.</exception>
    public static Task<T> AskAsync<T>(this PatientLook looks, IBackupStore store, Func<Task<T>> question) =>
        looks.AskAsync(store.Describe(""), question, () => store.GetHealthAsync(CancellationToken.None), () => throw store.Silent());

    /// <summary>What to look at when a store ruined what was written to it, as the beginning of a sentence.</summary>
    public static string CheckDisk(this IBackupStore store) =>
        store.Inspection.CommandFor(StoreQuestion.IsTheDiskSound, "") is { } command ? $"check the store's disk ({command})" : $"check store '{store.Name}'";
}
