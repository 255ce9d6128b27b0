using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>A directory keeps to the contract of every kind.</summary>
public sealed class DirectorySourceContractTests : BackupSourceContract
{
    private string Live => Path.Combine(Root, "etc", "app");

    private protected override IBackupSource Source => new DirectorySource([Live], new TreeOptions([], [], SkipsUnreadable: false), Scratch, Clock);

    private protected override string Elsewhere => Path.Combine(Root, "elsewhere");

    private protected override string Question => Path.Combine(Live, "a.conf");

    private protected override bool HasDamageOfItsOwn => false;

    private protected override Task MakeAsync(string text)
    {
        Directory.CreateDirectory(Path.Combine(Live, "conf.d", "leer"));
        File.WriteAllText(Path.Combine(Live, "a.conf"), $"{text}\n");
        File.WriteAllText(Path.Combine(Live, "conf.d", "größe 大きさ.conf"), string.Concat(Enumerable.Repeat("size = 1\n", 5000)));
        if (!File.Exists(Path.Combine(Live, "second name")))
            FileMetadata.Link(Path.Combine(Live, "conf.d", "größe 大きさ.conf"), Path.Combine(Live, "second name"));
        if (!Path.Exists(Path.Combine(Live, "link")))
            File.CreateSymbolicLink(Path.Combine(Live, "link"), "conf.d");
        return Task.CompletedTask;
    }

    private protected override Task RuinAsync() => throw new NotSupportedException();

    private protected override Task LoseAsync()
    {
        Directory.Delete(Live, recursive: true);
        return Task.CompletedTask;
    }

    private protected override Task<string> StateAsync(string? at = null) =>
        Task.FromResult(Listing.Of(at == Elsewhere ? Elsewhere + Live : at ?? Live));
}
