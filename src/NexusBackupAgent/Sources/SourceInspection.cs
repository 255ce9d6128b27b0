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
}

/// <summary>How a live source is found by who has to mend it. Looking changes nothing, and what can't be seen is no failure.</summary>
internal interface ISourceInspection
{
    /// <summary>Whether something is there.</summary>
    bool Exists { get; }

    /// <summary>What restores over it kept of what was there before, newest first, as people find it.</summary>
    IReadOnlyList<string> SafetyCopies { get; }

    /// <summary>Its own check as people know it: <c>PRAGMA integrity_check</c>.</summary>
    string CheckName { get; }

    /// <returns>A command for the shell; null where this kind of source has none for the question.</returns>
    string? CommandFor(SourceQuestion question);

    /// <summary>The command that tells whether one of its <see cref="SafetyCopies"/> is whole.</summary>
    string CheckCommand(string safetyCopy);
}
