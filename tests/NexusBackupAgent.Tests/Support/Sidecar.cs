using System.Text;
using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Changes the small files beside a backup.</summary>
internal static class Sidecar
{
    /// <summary>Changes the text as whoever writes such a file would: its seal agrees again.</summary>
    public static async Task EditAsync(string path, Func<string, string> edit) =>
        await File.WriteAllBytesAsync(path, SealedJson.Seal(Encoding.UTF8.GetBytes(edit(Open(await File.ReadAllTextAsync(path))))));

    /// <summary>Takes the seal away.</summary>
    public static async Task UnsealAsync(string path) => await File.WriteAllTextAsync(path, Open(await File.ReadAllTextAsync(path)).TrimEnd('\n', ',') + "\n}");

    /// <summary>As format version 1 wrote it, which knew no seal.</summary>
    public static async Task AgeAsync(string path)
    {
        await UnsealAsync(path);
        await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path)).Replace("\"formatVersion\": 2", "\"formatVersion\": 1", StringComparison.Ordinal));
    }

    private static string Open(string text) => text[..(text.LastIndexOf("\n  \"seal\"", StringComparison.Ordinal) + 1)];
}
