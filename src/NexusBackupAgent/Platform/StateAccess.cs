using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>Says what to do when the state directory refuses, which is the runbook's §3.2 [E].</summary>
internal static class StateAccess
{
    /// <summary>As <see cref="IoFailure.Translate"/>, with the mend for a directory that belongs to another user.</summary>
    public static BackupException Translate(Exception exception, string action, string stateDirectory)
    {
        var failure = IoFailure.Translate(exception, action, stateDirectory);
        return failure.Kind == FailureKind.Permission && exception is not UntrustedPlaceException ? new BackupException(failure.Kind, failure.Message, Mend(stateDirectory), exception) : failure;
    }

    /// <summary>The next step. It depends on the user: chown to another user would lock the agent out.</summary>
    public static string Mend(string stateDirectory)
    {
        var me = SystemUser.Current;
        return OtherOwner(stateDirectory) switch
        {
            { IsRoot: false } owner => $"[E] run it as the agent's user, whose the state directory is: {ToolProcess.Line(["sudo", "-u", owner.ForSudo])} nexus-backup …",
            { IsRoot: true } => $"[E] run it as root, whose the state directory is: sudo nexus-backup …; only if the agent itself runs as {me.Name}, root made it by mistake: sudo chown -R {me.Name} '{stateDirectory}'",
            null => $"[E] run it as the agent's user; if that is {me.Name}, give it the state directory: sudo chown -R {me.Name} '{stateDirectory}'",
        };
    }

    /// <returns>Who owns the state directory, if that is not who runs this; null when it is, or nothing tells.</returns>
    public static SystemUser? OtherOwner(string stateDirectory) =>
        FileStatus.Of(stateDirectory) is { } directory && new SystemUser(directory.User) is var owner && owner != SystemUser.Current ? owner : null;

    /// <summary>Whether an agent holds its lock.</summary>
    /// <exception cref="BackupException">The state directory can't be used.</exception>
    public static bool HasAgent(string stateDirectory)
    {
        try
        {
            return RunLock.IsHeld(stateDirectory, RunLock.Agent);
        }
        catch (BackupException refused) when (refused.InnerException is { } reason && IoFailure.IsKnown(reason))
        {
            throw Translate(reason, $"use the state directory '{stateDirectory}'", stateDirectory); // no source is called .agent
        }
    }
}
