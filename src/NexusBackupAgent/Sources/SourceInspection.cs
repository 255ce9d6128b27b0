using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources;

/// <summary>What an operator asks of a source that is in trouble; a kind of source knows the command for the shell that answers.</summary>
internal enum SourceQuestion
{
    /// <summary>What lies where it should be?</summary>
    WhatIsThere,

    /// <summary>Is its disk mounted?</summary>
    WhichDisk,

    /// <summary>Whose is it, and who may reach it?</summary>
    WhoMayReachIt,

    /// <summary>Which processes use it? The answer needs root.</summary>
    WhoUsesIt,

    /// <summary>Is it whole?</summary>
    IsItWhole,

    /// <summary>Does the server that holds it answer?</summary>
    DoesItsServerAnswer,

    /// <summary>Does that server run, and what did it say last?</summary>
    WhatSaysItsServer,
}

/// <summary>How a live source is found by who has to mend it. Looking changes nothing, and what can't be seen is no failure.</summary>
internal interface ISourceInspection
{
    /// <summary>Whether something is there.</summary>
    bool Exists { get; }

    /// <summary>Whether a server holds it: that may be away, refuse, or be set up wrongly, and no restore mends that.</summary>
    bool IsServed => false;

    /// <summary>What restores over it kept of what was there before, newest first, as people find it.</summary>
    IReadOnlyList<string> SafetyCopies { get; }

    /// <summary>What was deleted at its place and lives on in programs; null where nothing did, or nobody may see.</summary>
    HeldDeleted? HeldDeleted { get; }

    /// <summary>Its own check as people know it: <c>PRAGMA integrity_check</c>.</summary>
    string CheckName { get; }

    /// <summary>What a drill does in place of it.</summary>
    string DrillCheckName => CheckName;

    /// <returns>A command for the shell; null where this kind of source has none for the question.</returns>
    string? CommandFor(SourceQuestion question);

    /// <summary>The command that tells whether one of its <see cref="SafetyCopies"/> is whole.</summary>
    string CheckCommand(string safetyCopy);
}

/// <summary>What was deleted while programs have it open: it ends with the last of them.</summary>
/// <param name="Users">The programs.</param>
/// <param name="Rescue">The command that saves it, while they run.</param>
internal sealed record HeldDeleted(IReadOnlyList<FileUser> Users, string Rescue)
{
    /// <summary>Follows what it is called.</summary>
    public string Problem => $"was deleted and is still open in {RestoreTargetInUse.OpenIn(Users)}: what that wrote since the last backup is nowhere else";

    public string Mend => $"before anything ends {(Users.Count > 1 ? "them" : "it")}, save it: {Rescue}; if that ends with ok, stop {(Users.Count > 1 ? "them" : "it")} and put the saved file in its place, instead of a backup ({Common.RunbookPage.Of("deleted", Common.Language.English)})";
}
