using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores;

/// <summary>
/// Knows each store again. A store bears a mark, and the state directory remembers whose mark lies where: a mount point without
/// its disk, another disk, or an emptied store has not that mark, and nothing is written there. The same store at another place,
/// by its configuration, is somebody's decision and gets remembered anew; so does every store once the state is lost.
/// </summary>
/// <param name="stateDirectory">Remembers.</param>
internal sealed class StoreMarks(string stateDirectory, TimeProvider timeProvider)
{
    /// <summary>In the store itself. Neither <c>ls</c> nor a pattern of the runbook's shows it.</summary>
    public const string FileName = ".nexus-backup-store";

    private const string Explanation = "The Nexus Backup Agent knows this store by the line above, and an empty mount point by its absence. Leave it here.";

    /// <summary>Begins the line that says since when it bears it: by the clock of the captures, and whoever copies the store takes it along.</summary>
    private const string Made = "made ";

    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Asks for the store's mark before something is written; a store that nobody knows yet gets one.</summary>
    /// <param name="hasHistory">Whether backups were kept there: then a store in which nothing lies is not a new one.</param>
    /// <exception cref="BackupException">It is not the store that it was, or its mark can't be made or remembered.</exception>
    public async Task RequireAsync(IBackupStore store, Func<bool> hasHistory, CancellationToken cancellationToken)
    {
        var health = await store.GetHealthAsync(cancellationToken);
        if (health.Down is not null)
            return; // who writes hears why, in the store's own words
        var (remembered, found) = (Remembered(store), await FindAsync(store, cancellationToken)); // in this order: what is remembered was there before
        if (remembered is not { } known || known.Place != store.Describe(""))
            Remember(store, found ?? await MakeAsync(store, isLost: remembered is null && health.IsBare && hasHistory(), cancellationToken));
        else if (found != known.Mark)
            throw NotIt(store, found);
    }

    /// <summary>Looks whether it is the store that it was, and changes nothing.</summary>
    /// <returns>Null when it is, or nobody remembers, or it can't be told.</returns>
    public async Task<BackupException?> WhyNotAsync(IBackupStore store, CancellationToken cancellationToken)
    {
        try
        {
            return Remembered(store) is { } known && known.Place == store.Describe("") && await FindAsync(store, cancellationToken) is var found && found != known.Mark ? NotIt(store, found) : null;
        }
        catch (BackupException)
        {
            return null;
        }
    }

    /// <returns>When the store got its mark, UTC: what was captured before, it lost, or never had. Null when it has none, or of an earlier build, or can't be read.</returns>
    public static async Task<DateTimeOffset?> MadeAtAsync(IBackupStore store, CancellationToken cancellationToken)
    {
        try
        {
            return (await ReadAsync(store, cancellationToken))?.Split('\n').Where(line => line.StartsWith(Made, StringComparison.Ordinal))
                .Select(line => DateTimeOffset.TryParse(line[Made.Length..], CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at) ? at : (DateTimeOffset?)null).FirstOrDefault();
        }
        catch (BackupException)
        {
            return null;
        }
    }

    private static async Task<string?> FindAsync(IBackupStore store, CancellationToken cancellationToken) =>
        await ReadAsync(store, cancellationToken) is { } text ? FirstLine(text) : null;

    private static async Task<string?> ReadAsync(IBackupStore store, CancellationToken cancellationToken)
    {
        try
        {
            return Encoding.UTF8.GetString(await store.ReadAsync(FileName, cancellationToken));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private async Task<string> MakeAsync(IBackupStore store, bool isLost, CancellationToken cancellationToken)
    {
        if (isLost)
        {
            MakeMemory(store); // by the agent's user: the step that follows may be root's
            throw NotIt(store, found: null);
        }

        var mark = RandomNumberGenerator.GetHexString(32, lowercase: true);
        try
        {
            await store.PutAsync(FileName, replace: false, Durability.Now, async (file, token) => await file.WriteAsync(Encoding.UTF8.GetBytes($"{mark}\n{Explanation}\n{Made}{timeProvider.GetUtcNow():O}\n"), token), cancellationToken);
            return mark;
        }
        catch (BackupException)
        {
            if (await FindAsync(store, cancellationToken) is { } others)
                return others; // another source's run was faster, or another process
            throw;
        }
    }

    private BackupException NotIt(IBackupStore store, string? found)
    {
        var (like, mend) = store.Inspection.Emptied;
        return new BackupException(
            FailureKind.StoreUnavailable,
            $"store '{store.Name}' at '{store.Describe("")}' is not the one that its backups were kept in: {(found is null ? $"its mark {FileName} is missing{(like is null ? "" : $", {like}")}" : "it bears another store's mark")}; nothing is written there",
            $"{mend}; if this is meant to be the store from now on, accept it: {Acceptance(store)}");
    }

    /// <summary>The command that makes whatever lies at the store's place the store from now on.</summary>
    public string Acceptance(IBackupStore store) => $"install -m 644 /dev/null '{MemoryOf(store)}'";

    private string MemoryOf(IBackupStore store) => Path.Combine(stateDirectory, "store-marks", store.Name);

    /// <returns>Null where nobody remembers the store of that name. A memory that somebody emptied is of no place: whatever lies there is accepted.</returns>
    private (string Mark, string Place)? Remembered(IBackupStore store) => On<(string, string)?>(store, memory => !File.Exists(memory) ? null : File.ReadAllLines(memory) switch
    {
        [] => ("", ""),
        [var mark, var place, ..] => (mark, place),
        _ => null,
    });

    private void MakeMemory(IBackupStore store) => On(store, memory =>
    {
        FileOwner.MakeDirectory(Path.GetDirectoryName(memory)!);
        return true;
    });

    /// <summary>Whole or not at all.</summary>
    private void Remember(IBackupStore store, string mark) => On(store, memory =>
    {
        MakeMemory(store);
        SafeFile.WriteWhole(memory, Encoding.UTF8.GetBytes($"{mark}\n{store.Describe("")}\n"), OwnersFile);
        return true;
    });

    private T On<T>(IBackupStore store, Func<string, T> work)
    {
        var memory = MemoryOf(store);
        try
        {
            return work(memory);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw StateAccess.Translate(failure, $"remember store '{store.Name}' in '{memory}'", stateDirectory);
        }
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].Trim();
}
