namespace NexusBackupAgent.Stores;

/// <summary>A file in a store.</summary>
/// <param name="Name">Without directory.</param>
/// <param name="Length">Bytes.</param>
/// <param name="ModifiedAt">UTC, as the store tells it.</param>
internal readonly record struct StoredFile(string Name, long Length, DateTimeOffset ModifiedAt)
{
    /// <summary>When its content, name, mode or owner last changed, UTC; null when the store does not tell. A rename leaves <see cref="ModifiedAt"/> as it was.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>Whether it is a file that the store is writing under another name, or was when its process died.</summary>
    public bool IsUnfinished { get; init; }
}

/// <summary>Room in a store, in bytes, counted as <c>df</c> counts.</summary>
/// <param name="Size">The whole file system.</param>
/// <param name="Free">Not used, including what only root may use.</param>
/// <param name="Available">What ordinary users may use.</param>
internal readonly record struct StoreSpace(long Size, long Free, long Available)
{
    /// <summary>Of the file system that a directory is on.</summary>
    /// <exception cref="IOException">It can't be asked.</exception>
    public static StoreSpace At(string directory)
    {
        var drive = new DriveInfo(directory);
        return new StoreSpace(drive.TotalSize, drive.TotalFreeSpace, drive.AvailableFreeSpace);
    }

    /// <summary>Used ÷ (used + available to ordinary users), 0 to 1: <c>df</c>'s Use% before it rounds up.</summary>
    public double UsedRatio => Size - Free + Available is > 0 and var usable ? (double)(Size - Free) / usable : 0;
}
