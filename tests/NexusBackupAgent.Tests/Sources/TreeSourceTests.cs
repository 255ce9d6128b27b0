using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources;

/// <summary>A second kind, which exists in these tests only, keeps to the contract.</summary>
public sealed class TreeSourceTests : BackupSourceContract
{
    private string Tree => Path.Combine(Root, "data", "tree");

    private protected override IBackupSource Source => new TreeSource(Tree, Clock);

    private protected override string Elsewhere => Path.Combine(Root, "data", "other");

    private protected override string Question => TreeSource.Names[0];

    private protected override Task MakeAsync(string text)
    {
        TreeSource.Make(Tree, text);
        return Task.CompletedTask;
    }

    private protected override Task RuinAsync()
    {
        TreeSource.Ruin(Tree);
        return Task.CompletedTask;
    }

    private protected override Task LoseAsync()
    {
        Directory.Delete(Tree, recursive: true);
        return Task.CompletedTask;
    }

    private protected override Task<string> StateAsync(string? at = null) =>
        Task.FromResult(string.Join('\n', Directory.EnumerateFiles(at ?? Tree).Order(StringComparer.Ordinal).Select(file => $"{Path.GetFileName(file)}={File.ReadAllText(file)}")));
}
