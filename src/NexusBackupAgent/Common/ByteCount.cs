using System.Globalization;

namespace NexusBackupAgent.Common;

/// <summary>Numbers of bytes in messages.</summary>
internal static class ByteCount
{
    /// <summary><c>12.3 MiB</c>.</summary>
    public static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB");
}
