namespace NexusBackupAgent.Catalog;

/// <summary>
/// A committed backup as the catalog read it from the store: the manifest, what its last verification said,
/// and where it lies.
/// </summary>
/// <param name="Manifest">What was committed; never changes.</param>
/// <param name="Directory">The directory inside the store that holds it; empty for the store's root.</param>
/// <param name="Verification">The last verification, or null if it was never read back.</param>
internal sealed record Backup(BackupManifest Manifest, string Directory, VerificationResult? Verification)
{
    public BackupId Id => Manifest.Id;

    public string Source => Manifest.Source;

    public string Schedule => Manifest.Schedule;

    public DateTimeOffset CapturedAt => Manifest.CapturedAt;

    /// <summary>The artifact's name in <see cref="Directory"/>.</summary>
    public string File => Manifest.File;

    public BackupState State => Verification switch
    {
        null => BackupState.Unverified,
        { Passed: true } => BackupState.Good,
        _ => BackupState.Corrupt,
    };
}
