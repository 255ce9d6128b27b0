using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>Copies of shipped manifests, each with one mistake, and one check of all of them: loading Kubernetes' types takes seconds.</summary>
public sealed class WrongManifests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly Lazy<Task<ToolResult>> check;

    public WrongManifests() => check = new Lazy<Task<ToolResult>>(() => KubernetesTools.CheckAsync(Mistakes.Select(row => FileOf((string)row[0], (string)row[1], (string)row[2])).ToList()));

    public static TheoryData<string, string, string> Mistakes => new()
    {
        { "deployment.yaml", "replicas: 1", "replica: 1" },
        { "deployment.yaml", "{type: Recreate}", "{type: Recreated}" },
        { "deployment.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem" },
        { "servicemonitor.yaml", "labeldrop", "droplabel" },
        { "prometheusrule.yaml", "interval: 4m", "interval: 4 minutes" },
        { "networkpolicy.yaml", "podSelector:", "podSelectors:" },
    };

    public void Dispose() => folder.Dispose();

    internal Task<ToolResult> CheckAsync() => check.Value;

    /// <summary>The copy with this mistake; its name is in what the check prints of it.</summary>
    internal string FileOf(string manifest, string right, string wrong)
    {
        var number = Mistakes.Select((row, index) => ((string)row[0] == manifest && (string)row[2] == wrong, index)).Single(each => each.Item1).index;
        var file = folder[$"{number}-{manifest}"];
        if (!File.Exists(file))
            File.WriteAllText(file, File.ReadAllText(DeployedFile.Path("kubernetes", manifest)).Replace(right, wrong, StringComparison.Ordinal));
        return file;
    }
}
