using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runs;

/// <summary>Says what to do when the state directory refuses, which is the runbook's §3.2 [E].</summary>
internal static class StateAccess
{
    /// <summary>As <see cref="IoFailure.Translate"/>, with the mend for a directory that belongs to another user.</summary>
    public static BackupException Translate(Exception exception, string action, string stateDirectory)
    {
        var failure = IoFailure.Translate(exception, action, stateDirectory);
        return failure.Kind == FailureKind.Permission ? new BackupException(failure.Kind, failure.Message, Mend(stateDirectory), exception) : failure;
    }

    /// <summary>The next step, for who is the agent's user and for who is not.</summary>
    public static string Mend(string stateDirectory) =>
        $"[E] run it as the agent's user; if that is {Environment.UserName}, give it the state directory: sudo chown -R {Environment.UserName} '{stateDirectory}'";
}
