using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Operations;

/// <summary>No increment can be made, because a reading found damaged what it would build on. One reading is no proof.</summary>
/// <param name="link">What seems damaged.</param>
/// <param name="reason">Why, as it follows "because".</param>
internal sealed class DamagedLinkException(Backup link, string reason) : NoIncrementException(reason)
{
    public Backup Link => link;
}
