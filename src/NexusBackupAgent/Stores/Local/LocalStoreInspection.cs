using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>Looks at a directory as an operator would.</summary>
internal sealed class LocalStoreInspection(string root) : IStoreInspection
{
    public string? CommandFor(StoreQuestion question, string path) => question switch
    {
        StoreQuestion.WhichDisk => On(path, "findmnt", "-T"),
        StoreQuestion.HowFull => On(path, "df", "-h"),
        StoreQuestion.WhatIsThere => On(path, "ls", "-la"),
        StoreQuestion.WhoseIsIt => On(path, "ls", "-ld"),
        StoreQuestion.IsTheDiskSound => "dmesg | tail; smartctl -H",
        StoreQuestion.WhatIsItsSum => $"cd '{Path.GetDirectoryName(Locate(path))}' && sha256sum '{Path.GetFileName(path)}'",
        _ => null,
    };

    public IReadOnlyList<string> Handover(string path, string user) => [On(path, "sudo", "chown", "-R", user), On(path, "sudo", "chmod", "u+rwx")];

    public string? Rename(string from, string to) => $"mv '{Locate(from)}' '{Locate(to)}'";

    private string On(string path, params string[] words) => ToolProcess.Line([.. words, Locate(path)]);

    private string Locate(string path) => Path.GetFullPath(Path.Combine(root, path));
}
