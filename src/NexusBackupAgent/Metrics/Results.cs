using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Metrics;

/// <summary>The values of the label <c>result</c> of what either succeeds or fails.</summary>
internal static class Results
{
    public static readonly string[] All = [RunResult.Success.Word(), RunResult.Failure.Word()];
}
