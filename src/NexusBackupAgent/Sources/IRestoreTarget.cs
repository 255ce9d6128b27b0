using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources;

/// <summary>A place that what is restored would take, and the one that it takes instead.</summary>
internal sealed record PlaceMove(string From, string To)
{
    /// <summary>Whether a text names a place on whatever machine it is read: an absolute path that leads nowhere else.</summary>
    public static bool IsPlace(string text) => text.StartsWith('/') && !text.Split('/').Contains("..") && !NameText.HasControlCharacter(text);
}

/// <summary>A part of a backup that lies in a place of its own, as a tablespace does.</summary>
/// <param name="From">Its place when it was backed up.</param>
/// <param name="To">Where a restore puts it.</param>
/// <param name="Obstacle">What forbids that; null when nothing does.</param>
internal sealed record RestoredPart(string From, string To, BackupException? Obstacle);

/// <summary>What of a backup is restored, and what becomes of what is there. Nothing of it: all, as it was backed up.</summary>
internal sealed record RestoreChoices
{
    public static RestoreChoices None { get; } = new();

    /// <summary>Parts of the source that go to another place than theirs.</summary>
    public IReadOnlyList<PlaceMove> Moves { get; init; } = [];

    /// <summary>Files, directories or patterns of them; empty: all.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>Whether what is there and was not backed up goes.</summary>
    public bool Deletes { get; init; }

    /// <summary>As <c>chown</c> takes it; null: as it was backed up.</summary>
    public string? Owner { get; init; }

    /// <summary>Whether it consists of files that can be told apart.</summary>
    public bool IsOfFiles => Paths.Count > 0 || Deletes || Owner is not null;

    /// <exception cref="BackupException">A source of this kind does not have what was chosen.</exception>
    public RestoreChoices Require(Bilingual noun, bool moves = false, bool files = false)
    {
        if (!moves && Moves.Count > 0)
            throw new BackupException(FailureKind.Configuration, $"a {noun.English} has no tablespaces that could go elsewhere", "leave --tablespace out");
        if (!files && IsOfFiles)
            throw new BackupException(FailureKind.Configuration, $"a {noun.English} is restored whole, as it was", "leave --path, --delete and --owner out");
        return this;
    }
}

/// <summary>What a restore would do to something that is there, or is not.</summary>
internal enum ChangeKind
{
    Add,
    Change,
    Delete,
}

/// <param name="Path">As an operator writes it.</param>
/// <param name="Bytes">Of what is restored, or goes.</param>
/// <param name="What">What is different: <c>content, mode</c>; null where nothing is there, or nothing stays.</param>
internal sealed record RestoreChange(ChangeKind Kind, string Path, long Bytes, string? What)
{
    /// <summary>The line in which the usual tool of its kind would say it; null: there is none.</summary>
    public string? Line { get; init; }
}

/// <summary>Where a restore puts a source: its own place, or another one. Whoever prepares a restore there leaves it as it is.</summary>
internal interface IRestoreTarget
{
    /// <summary>For people.</summary>
    string Location { get; }

    /// <summary>Where it is made, for people.</summary>
    string Volume { get; }

    /// <summary>What a person types to see how much room is there; null where this kind has no such command.</summary>
    string? SpaceCommand { get; }

    /// <summary>What a person types to see what is there.</summary>
    string LookCommand { get; }

    /// <summary>Whether it is the source's own place, whose service has to be stopped.</summary>
    bool IsLive { get; }

    /// <summary>Whether something is there, which a restore replaces.</summary>
    bool Exists { get; }

    /// <summary>Bytes of what is there; 0 when nothing is.</summary>
    long Length { get; }

    /// <summary>How safety copies are called there, for people.</summary>
    string SafetyForm { get; }

    /// <summary>How what a restore had not finished is called there, for people.</summary>
    string UnfinishedForm { get; }

    /// <summary>Who has it open.</summary>
    IReadOnlyList<FileUser> Users();

    /// <summary>What a restore left there that was killed, for people: <see cref="Lock"/> removes it. While another one is at work there, it is that one's.</summary>
    IReadOnlyList<string> Leftovers { get; }

    /// <summary>What forbids to restore there, null when nothing does. What is there stays as it is; empty hidden files beside it may be made, renamed and removed to find out.</summary>
    /// <param name="forbidden">Places of the agent's own, existing or not.</param>
    BackupException? Obstacle(IReadOnlyList<string> forbidden);

    /// <summary>The parts of a backup that lie in places of their own, as what is kept beside it tells them: the backup itself is not read.</summary>
    /// <returns>Null when nobody can tell.</returns>
    /// <exception cref="BackupException">A part that is to go elsewhere is none of its.</exception>
    Task<IReadOnlyList<RestoredPart>?> PartsAsync(StoredChain chain, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<RestoredPart>?>([]);

    /// <summary>Bytes that a restore writes there, the safety copy included.</summary>
    /// <param name="content">Bytes of what is restored.</param>
    long RoomFor(long content);

    /// <summary>Bytes that may be written there; null when that can't be asked.</summary>
    long? Available();

    /// <summary>A name for the safety copy that is not taken.</summary>
    string SafetyName(DateTimeOffset now, TimeZoneInfo zone);

    /// <summary>Keeps every other restore away from it until disposed, and removes what killed ones left.</summary>
    /// <exception cref="BackupException">Another restore to it is under way.</exception>
    IDisposable Lock();

    /// <summary>What a restore of a backup would change there, in the order of their names. Null: this kind replaces all of it.</summary>
    /// <exception cref="DamagedLinkException">What lists its files is not what was stored.</exception>
    IAsyncEnumerable<RestoreChange>? ChangesAsync(StoredChain chain, CancellationToken cancellationToken) => null;

    /// <summary>Restores a backup beside it and checks it there.</summary>
    /// <param name="at">A later instant than the backup's that is to be restored to, for kinds that can; null: the backup's own.</param>
    /// <exception cref="DamagedLinkException">The backup, or one that it builds on, is not what was stored.</exception>
    /// <exception cref="NotThatEarlyException">The backup was completed after the instant.</exception>
    Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken);
}

/// <summary>What is the same for every place.</summary>
internal static class RestoreTargets
{
    /// <summary>What is there was made after the restore was asked for, and nobody allowed to replace it.</summary>
    /// <exception cref="BackupException">It was.</exception>
    public static void RequireMayReplace(this IRestoreTarget target, RestoreContext context)
    {
        if (!context.MayReplace)
            throw new BackupException(FailureKind.Restore, $"'{target.Location}' was made meanwhile", $"see whose it is ({target.LookCommand}); --force replaces it and keeps it as {target.SafetyForm}");
    }

    /// <summary>Names the safety copy of what is there, and tells of it.</summary>
    /// <exception cref="BackupException">It was made meanwhile.</exception>
    public static string NameSafetyCopy(this IRestoreTarget target, RestoreContext context)
    {
        target.RequireMayReplace(context);
        var safety = target.SafetyName(context.Now, context.Zone);
        context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        return safety;
    }
}

/// <summary>
/// A place at a server that a drill makes and removes: nothing is there before, and nothing has to be kept. What a killed drill left, a later one removes.
/// </summary>
/// <param name="workspace">The drill's directory, of which such a place needs nothing.</param>
internal abstract class DrillPlace(string workspace) : IRestoreTarget
{
    public abstract string Location { get; }

    public string Volume => workspace;

    public string? SpaceCommand => null;

    public abstract string LookCommand { get; }

    public bool IsLive => false;

    public bool Exists => false;

    public long Length => 0;

    public string SafetyForm => "";

    public abstract string UnfinishedForm { get; }

    public IReadOnlyList<string> Leftovers => [];

    public IReadOnlyList<FileUser> Users() => [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden) => null;

    public long RoomFor(long content) => 0;

    public long? Available() => null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => "";

    public abstract IDisposable Lock();

    public abstract Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken);
}

/// <summary>A backup was not yet complete at the instant that it is to be recovered to; an earlier one may lead there.</summary>
internal sealed class NotThatEarlyException(string message, string hint) : BackupException(FailureKind.NotFound, message, hint);

/// <summary>
/// A restored source beside the place that it is to take. Order, so that a crash at any instant leaves the old one or the new one,
/// whole and working: <see cref="SaveAsync"/> → <see cref="Switch"/> → <see cref="MakeDurable"/>. Disposing it removes what was not put in place.
/// </summary>
internal interface IPreparedRestore : IAsyncDisposable
{
    /// <summary>What the kind's own check of it found.</summary>
    ContentCheck Check { get; }

    /// <summary>Asks it a question in the kind's own language. It is not changed, whatever the question.</summary>
    /// <exception cref="BackupException">It is none, or it failed (<see cref="FailureKind.Restore"/>).</exception>
    Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken);

    /// <summary>Makes the safety copy of what is there, and makes that ready to be replaced. Nobody has it open.</summary>
    /// <exception cref="BackupException">It can't be copied, or somebody wrote meanwhile.</exception>
    Task SaveAsync(RestoreContext context, CancellationToken cancellationToken);

    /// <summary>Takes the place of what is there.</summary>
    /// <exception cref="BackupException">It can't, or somebody wrote since the safety copy was begun.</exception>
    void Switch(RestoreContext context);

    /// <summary>Takes back what was done before a failure.</summary>
    /// <returns>Why the old one is not as it was; null when it is.</returns>
    BackupException? RollBack();

    /// <summary>Makes the switch survive a power cut.</summary>
    void MakeDurable();

    /// <summary>What is in place, and what became of the old one.</summary>
    RestoredPlace Place { get; }
}

/// <summary>What a restore tells and is told while it replaces the old one.</summary>
/// <param name="Now">Names the safety copy.</param>
/// <param name="Zone">Of the time in that name.</param>
/// <param name="Step">Told each step as it begins.</param>
internal sealed record RestoreContext(DateTimeOffset Now, TimeZoneInfo Zone, Action<RestoreStep> Step)
{
    /// <summary>Whether what is there may be replaced; otherwise nothing may be.</summary>
    public bool MayReplace { get; init; } = true;
}

/// <summary>What a restore put in place.</summary>
/// <param name="Location">Where, for people.</param>
/// <param name="Owner">Owner, group and mode that it has: the old one's, or a new one's. Null where there are none.</param>
/// <param name="SafetyCopy">The old one; null when there was none.</param>
/// <param name="SetAside">What lies beside the safety copy and belongs to it, because it is not merged into it.</param>
/// <param name="WayBack">The commands that put the old one back; empty when there was none.</param>
internal sealed record RestoredPlace(string Location, FileOwner? Owner, string? SafetyCopy, IReadOnlyList<string> SetAside, string WayBack)
{
    /// <summary>What to type where a lost one came back and its service runs as another user: nothing remembers whose the lost one was. Null where an owner was kept, or another place chosen.</summary>
    public string? Chown { get; init; }
}

internal static class RestoreTargetInUse
{
    /// <summary>The refusal to replace what programs have open.</summary>
    public static BackupException InUse(this IRestoreTarget target, IReadOnlyList<FileUser> users) => new(
        FailureKind.SourceBusy,
        $"'{target.Location}' is open in {OpenIn(users)}",
        target.IsLive ? "stop it first (systemctl stop …), or have restore.before stop it and restore.after start it; then run the command again" : "stop it, or restore to another place");

    /// <summary>The programs in words.</summary>
    public static string OpenIn(IReadOnlyList<FileUser> users) => $"process{(users.Count > 1 ? "es" : "")} {string.Join(", ", users)}";
}
