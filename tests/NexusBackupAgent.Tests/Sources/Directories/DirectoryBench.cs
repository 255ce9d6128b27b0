using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>A directory to be backed up, a store, and the real way from one to the other and back.</summary>
internal sealed class DirectoryBench : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(Some.Instant);

    public DirectoryBench()
    {
        Scratch = new ScratchDirectory(temp.Sub("scratch"));
        Store = temp.Sub("store");
        Live = temp.Sub("live/app");
        Roots = [Live];
    }

    public ManualClock Clock => clock;

    public ScratchDirectory Scratch { get; }

    public string Store { get; }

    /// <summary>What is backed up.</summary>
    public string Live { get; }

    public IReadOnlyList<string> Roots { get; set; }

    public TreeOptions Options { get; set; } = new([], [], SkipsUnreadable: false);

    /// <summary>How its backups are compressed.</summary>
    public ArtifactEncoding Method { get; set; } = ArtifactEncoding.Gzip;

    public IBackupSource Source => new DirectorySource(Roots, Options, Scratch, clock);

    public BackupCatalog Catalog => new(new LocalDirectoryStore("local", Store), "", "app", Source.Kind, new ArtifactFormats(Source.FormatOf, Method), TimeZoneInfo.Utc);

    /// <summary>The path of something in the live directory.</summary>
    public string this[string name] => Path.Combine(Live, name);

    /// <summary>The path of something beside everything else.</summary>
    public string Beside(string name) => temp[name];

    public string PathOf(Backup backup) => Path.Combine(Store, backup.File);

    public void Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], content);
    }

    /// <summary>As a run does, then it is read back.</summary>
    /// <param name="enough">What is proven of it.</param>
    public async Task<Backup> BackUpAsync(BackupType type = BackupType.Full, Proof enough = Proof.Whole)
    {
        var backups = await Catalog.ListAsync(CancellationToken.None);
        var on = type == BackupType.Full ? null : backups.Where(backup => type == BackupType.Incremental || backup.Manifest.Type == BackupType.Full).MaxBy(backup => backup.CapturedAt);
        await using var capture = await Source.CaptureAsync(new CaptureRequest(type, on is null ? null : ChainOf(on), MayBeBase: true) { Previous = backups.Count == 0 ? null : ChainOf(backups[0]).Tip }, CancellationToken.None);
        clock.Advance(TimeSpan.FromHours(1));
        var stored = await new BackupWriter(Catalog, Source, compression: 1, clock).StoreAsync(capture, new BackupLabel("daily", type, on?.Id), progress: null, CancellationToken.None);
        var verified = await (enough == Proof.Whole ? VerifyAsync(stored) : GlanceAsync(stored, enough));
        Assert.True(verified.Verification!.Passed, verified.Verification.FirstFailure);
        return verified;
    }

    public async Task<Backup> VerifyAsync(Backup backup) =>
        await new BackupVerifier(Scratch, clock).VerifyAsync(Source, Catalog, await Catalog.FindAgainAsync(backup, CancellationToken.None), progress: null, CancellationToken.None);

    /// <summary>The first reading of a run.</summary>
    public async Task<Backup> GlanceAsync(Backup backup, Proof enough) =>
        await new BackupVerifier(Scratch, clock).GlanceAsync(Source, Catalog, await Catalog.FindAgainAsync(backup, CancellationToken.None), progress: null, CancellationToken.None, enough);

    public StoredChain ChainOf(Backup backup) => CatalogLink.ChainOf(Catalog, backup, isJudged: false, progress: null);

    public async Task<RestoreOutcome> RestoreAsync(string? to = null, RestoreChoices? choices = null, Backup? backup = null, bool force = true, Action<RestoreStep>? at = null)
    {
        var restorer = new Restorer(new BackupVerifier(Scratch, clock), clock) { Forbidden = [Store, Scratch.Path] };
        var events = new RestoreEvents(at ?? (_ => { }), (_, _) => { }, _ => { }, _ => { });
        clock.Advance(TimeSpan.FromSeconds(1));
        return await restorer.RestoreAsync(restorer.Begin(await restorer.PreviewAsync(Request(to, choices, backup, force), CancellationToken.None), events), CancellationToken.None);
    }

    /// <summary>What a restore would change, as lines.</summary>
    public async Task<IReadOnlyList<string>> ChangesAsync(string? to = null, RestoreChoices? choices = null)
    {
        var restorer = new Restorer(new BackupVerifier(Scratch, clock), clock);
        var preview = await restorer.PreviewAsync(Request(to, choices, backup: null, force: true), CancellationToken.None);
        var changes = await RestoreChanges.ReadAsync(preview, most: 1000, CancellationToken.None);
        return [.. changes!.First.Select(change => $"{change.Kind.Word()} {change.Path[((to ?? Live).Length + 1)..]}{(change.What is null ? "" : $" ({change.What})")}")];
    }

    public async Task<IReadOnlyList<string>> FilesAsync(Backup backup, string? pattern = null)
    {
        var found = new List<string>();
        await foreach (var file in BackupContents.Read(Source, Catalog, backup, pattern, CancellationToken.None))
            found.Add(file.Path.StartsWith(Live + "/", StringComparison.Ordinal) ? file.Path[(Live.Length + 1)..] : file.Path);
        return found;
    }

    /// <summary>Does what the backup's own page says, with the standard tools, into another root.</summary>
    public async Task RestoreByHandAsync(Backup backup, string root)
    {
        Directory.CreateDirectory(root);
        var commands = Source.CommandsByHand([.. backup.Chain.Reverse().Select(link => link.File)]);
        foreach (var command in commands)
            await Shell.BashAsync($"cd '{Store}'; {command.Replace("-C /", $"-C '{root}'", StringComparison.Ordinal).Replace("cd /", $"cd '{root}'", StringComparison.Ordinal)}");
    }

    public void Dispose()
    {
        Assert.All(Directory.EnumerateFiles(Scratch.Path, "*", SearchOption.AllDirectories), file => Assert.EndsWith(".lock", file, StringComparison.Ordinal));
        Scratch.Dispose();
        temp.Dispose();
    }

    private RestoreRequest Request(string? to, RestoreChoices? choices, Backup? backup, bool force) =>
        new("app", Source, Catalog, RestoreSettings.None, TimeZoneInfo.Utc, new RestoreWish(backup?.Id.Value) { Choices = choices ?? RestoreChoices.None }, to, force);
}
