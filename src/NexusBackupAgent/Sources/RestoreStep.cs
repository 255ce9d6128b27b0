namespace NexusBackupAgent.Sources;

/// <summary>The steps of a restore, in order. Whichever is the last that begins, the old database or the new one is there, whole.</summary>
internal enum RestoreStage
{
    /// <summary>A backup is chosen; nothing has been touched.</summary>
    Plan,

    /// <summary>A backup is expanded beside the target and checked. Again for each older one, if need be.</summary>
    Expand,

    /// <summary>A command that stops the service begins.</summary>
    Stop,

    /// <summary>The restore looks who has the target open; once more, without a word, when the safety copy is made.</summary>
    Look,

    /// <summary>The safety copy is made.</summary>
    Save,

    /// <summary>What the old one's companions hold is brought into its file.</summary>
    Settle,

    /// <summary>The old one's companions are moved aside.</summary>
    MoveAside,

    /// <summary>The restored file is renamed over the old one.</summary>
    Replace,

    /// <summary>A command that starts the service begins: the restored one is in place, or the restore failed and the old one is.</summary>
    Start,

    /// <summary>The service is asked whether it works.</summary>
    Health,
}

/// <summary>A step that begins.</summary>
/// <param name="Text">In words for who watches.</param>
internal sealed record RestoreStep(RestoreStage Stage, string Text);
