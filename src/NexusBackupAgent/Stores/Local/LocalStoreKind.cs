using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary><c>path:</c>, a directory of this machine.</summary>
internal sealed class LocalStoreKind : IStoreKind
{
    private const string PathExample = "backups";

    public string Key => "path";

    public IReadOnlyList<string> Options => [];

    public IReadOnlyList<LevelKeys> Levels => [];

    public string Example => $"path: {PathExample}";

    public string Teaching => $"its directory, for example {Example}";

    public string Offer => $"a local directory: {Example}";

    public IStoreSettings? Bind(string name, Section store, string baseDirectory) =>
        store.Find(Key)?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null, PathExample) is { } path ? new Settings(name, path) : null;

    private sealed record Settings(string Name, string Path) : IStoreSettings
    {
        public IReadOnlyList<string> Places => [Path];

        public string Identify(string directory) => KernelPath.Resolve(System.IO.Path.Combine(Path, directory));

        public IBackupStore Open() => new LocalDirectoryStore(Name, Path);

        public IEnumerable<ConfigurationProblem> Check()
        {
            if (DirectoryCheck.Find(Path, "the store's directory") is var (problem, mend))
                yield return new ConfigurationProblem(KeyPath.Join("stores", Name, "path"), Line: 0, Path, problem, mend);
        }
    }
}

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

    private string Locate(string path) => KernelPath.Absolute(path, root);
}
