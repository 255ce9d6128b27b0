using System.Runtime.CompilerServices;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>
/// Directories with all that is in them. A backup is a tar archive that <c>tar -xzf … -C /</c> restores, and an inventory of the
/// whole tree; a differential or incremental one holds what is new or changed since the one that it builds on.
/// </summary>
internal sealed class DirectorySource(IReadOnlyList<string> roots, TreeOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    /// <summary>The part that lists the whole tree.</summary>
    public const string InventoryPart = "inventory.gz";

    /// <summary>The part of an increment that lists what goes before it is unpacked, each name ended by a zero byte.</summary>
    public const string DeletedPart = "deleted.gz";

    public static readonly Bilingual Word = new("directory", "ディレクトリ");

    private static readonly ArtifactFormat Archive = new(".tar.gz", ArtifactEncoding.Gzip);

    public string Kind => DirectorySourceKind.Word;

    public Bilingual Noun => Word;

    public string Location => string.Join(", ", roots);

    public ISourceInspection Inspection => new TreeInspection(roots);

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["tar"] = "pax" };

    public ArtifactFormat? FormatOf(BackupType type) => Archive;

    public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        foreach (var root in roots)
        {
            if (TreeWalk.Mistake(root) is var (problem, mend))
                throw new BackupException(FileStatus.OfNoLink(root) is null ? FailureKind.SourceMissing : FailureKind.SourceInvalid, $"directory '{root}' {problem}", mend);
        }

        if (request is { Base: null, Previous: null } && roots.All(TreeWalk.IsBare)) // with a backup before, the capture tells more
            throw TreeCapture.Empty(roots[0], wasFilled: false);
        return Task.FromResult<ICapture>(new TreeCapture(roots, options, request.Base, request.Previous, scratch, timeProvider));
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        return await new TreeReading(chain, workspace.Path).RunAsync(sink: null, cancellationToken);
    }

    public async Task<ContentCheck?> ProveAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        return await new TreeReading(chain, workspace.Path).ProveAsync(cancellationToken);
    }

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        Unpack(chain[0]),
        .. chain.Skip(1).SelectMany(file => (string[])
        [
            $"{ArtifactEncodings.ExpandPartCommand(file, DeletedPart)} | (cd / && xargs -0 -r rm -rf --)",
            Unpack(file),
        ]),
    ];

    private static string Unpack(string file) => $"{ArtifactEncodings.UnpackCommand(file, "p")} --xattrs --xattrs-include='*' --acls -C /";

    public IRestoreTarget Target(string? to) => Target(to, RestoreChoices.None);

    public IRestoreTarget Target(string? to, RestoreChoices choices) => new TreeTarget(roots, options.Patterns, to, choices.Require(Noun, files: true), scratch);

    public bool HasFiles => true;

    /// <summary>What decayed, and a directory that lost all, show by what was there before.</summary>
    public bool LooksBack => true;

    public IAsyncEnumerable<CapturedFile> FilesAsync(StoredLink link, string? pattern, CancellationToken cancellationToken) =>
        FilesAsync(link, new TreeSelection(pattern is null ? [] : [pattern]), cancellationToken);

    private async IAsyncEnumerable<CapturedFile> FilesAsync(StoredLink link, TreeSelection wanted, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        await using var inventory = await TreeReading.InventoryOfAsync(link, workspace.Path, cancellationToken);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(cancellationToken))
        {
            if (wanted.Takes(entry.Path))
                yield return entry.ToStored();
        }
    }
}

internal sealed class TreeInspection(IReadOnlyList<string> roots) : ISourceInspection
{
    public bool Exists => roots.All(Directory.Exists);

    public IReadOnlyList<string> SafetyCopies
    {
        get
        {
            try
            {
                return [.. roots.Where(root => Directory.Exists(Path.GetDirectoryName(root)))
                    .SelectMany(root => Directory.EnumerateDirectories(Path.GetDirectoryName(root)!, $"{Path.GetFileName(root)}.pre_restore.*")).OrderDescending(StringComparer.Ordinal)];
            }
            catch (Exception hidden) when (IoFailure.IsKnown(hidden))
            {
                return [];
            }
        }
    }

    public HeldDeleted? HeldDeleted => null;

    public string CheckName => "inventory";

    public string? CommandFor(SourceQuestion question) => question switch
    {
        SourceQuestion.WhatIsThere => ToolProcess.Line(["ls", "-la", .. roots]),
        SourceQuestion.WhichDisk => ToolProcess.Line(["findmnt", "-T", roots[0]]),
        SourceQuestion.WhoMayReachIt => ToolProcess.Line(["namei", "-l", .. roots]),
        SourceQuestion.WhoUsesIt => ToolProcess.Line(["sudo", "lsof", "+D", roots[0]]),
        _ => null,
    };

    public string CheckCommand(string safetyCopy) => ToolProcess.Line(["ls", "-laR", safetyCopy]);
}
