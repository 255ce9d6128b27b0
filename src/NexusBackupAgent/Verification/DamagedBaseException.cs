using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Verification;

/// <summary>A backup could not be judged, because a reading found one damaged that it builds on.</summary>
/// <param name="base">The damaged one, with what the reading found. One reading is no proof.</param>
/// <param name="file">Where that lies, for people.</param>
internal sealed class DamagedBaseException(Backup @base, string file) : BackupException(
    FailureKind.Verification,
    $"'{file}', which it needs, is damaged: {@base.Verification!.FirstFailure}",
    $"nexus-backup verify {@base.Id} reads it again and sets it aside if that is so")
{
    public Backup Base => @base;
}
