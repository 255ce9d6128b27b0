namespace NexusBackupAgent.Common;

/// <summary>Numbers of bytes in messages.</summary>
internal static class ByteCount
{
    /// <summary><c>12.3 MiB</c>; less than one in KiB, so that two small numbers can be told apart.</summary>
    public static string Text(long bytes) =>
        bytes < 1048576 ? FormattableString.Invariant($"{bytes / 1024.0:0.#} KiB") : FormattableString.Invariant($"{bytes / 1048576.0:0.0} MiB");
}
