using System.Formats.Tar;
using System.IO.Pipelines;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// A kind that the product does not have, to prove that nothing above the kinds knows one: three files as one tar stream whose
/// length nobody knows beforehand, checked while it streams, without scratch space, with a further part that is not compressed.
/// Each file ends in a line with the SHA-256 of what stands before it: the kind's own check.
/// </summary>
internal sealed class TreeSource(string directory, TimeProvider clock, ArtifactEncoding encoding = ArtifactEncoding.Gzip) : IBackupSource
{
    /// <summary>The names of the files, in a part of their own.</summary>
    public const string NamesPart = "names.txt";

    public static readonly IReadOnlyList<string> Names = ["a.txt", "b.txt", "c.txt"];

    public string Kind => "tree";

    public Bilingual Noun => Bilingual.Same("tree");

    public string Location => directory;

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["tar"] = "pax" };

    public ISourceInspection Inspection => new TreeInspection(directory);

    /// <summary>Makes the three files, each with its own text.</summary>
    public static void Make(string directory, string text)
    {
        Directory.CreateDirectory(directory);
        foreach (var name in Names)
            File.WriteAllText(Path.Combine(directory, name), Sealed($"{name}: {text}\n"));
    }

    /// <summary>Changes a letter without sealing the file again.</summary>
    public static void Ruin(string directory)
    {
        var file = Path.Combine(directory, Names[1]);
        File.WriteAllText(file, "X" + File.ReadAllText(file)[1..]);
    }

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Full ? new ArtifactFormat(encoding == ArtifactEncoding.Gzip ? ".tar.gz" : ".tar", encoding) : null;

    public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken) => Directory.Exists(directory)
        ? Task.FromResult<ICapture>(new Capture(directory, clock.GetUtcNow()))
        : throw new BackupException(FailureKind.SourceMissing, $"tree '{directory}' does not exist", "mount its disk");

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        var finding = await ReadAsync(chain, async (name, content) => await IsSealedAsync(content) ? null : $"{name} is not what was sealed", cancellationToken);
        var names = new MemoryStream();
        await chain.Tip.CopyPartAsync(NamesPart, names, cancellationToken);
        return new ContentCheck(finding);
    }

    public IRestoreTarget Target(string? to) => new TreeTarget(directory, to);

    /// <summary>Reads the archive as it streams.</summary>
    /// <param name="look">Given each entry; says what is wrong with it.</param>
    /// <returns>The first finding; null when there is none.</returns>
    public static async Task<string?> ReadAsync(StoredChain chain, Func<string, Stream, Task<string?>> look, CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        var reading = Task.Run(
            async () =>
            {
                await using var archive = pipe.Reader.AsStream();
                try
                {
                    await using var tar = new TarReader(archive, leaveOpen: true);
                    string? finding = null;
                    while (await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
                        finding ??= await look(entry.Name, entry.DataStream ?? Stream.Null);
                    await archive.CopyToAsync(Stream.Null, cancellationToken);
                    return finding;
                }
                catch (Exception failure) when (failure is InvalidDataException or EndOfStreamException or FormatException)
                {
                    await archive.CopyToAsync(Stream.Null, cancellationToken);
                    return $"it is no tar: {failure.Message}";
                }
            },
            CancellationToken.None);
        Exception? broken = null;
        try
        {
            await chain.Tip.CopyContentAsync(pipe.Writer.AsStream(leaveOpen: true), cancellationToken);
        }
        catch (Exception failure)
        {
            broken = failure;
            throw;
        }
        finally
        {
            await pipe.Writer.CompleteAsync(broken is null ? null : new EndOfStreamException("the artifact ended"));
            await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return await reading;
    }

    private static string Sealed(string text) => text + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    private static async Task<bool> IsSealedAsync(Stream content)
    {
        using var reader = new StreamReader(content, leaveOpen: true);
        var text = await reader.ReadToEndAsync();
        var end = text.LastIndexOf('\n') + 1;
        return Sealed(text[..end]) == text;
    }

    private sealed class Capture(string directory, DateTimeOffset capturedAt) : ICapture
    {
        public DateTimeOffset CapturedAt => capturedAt;

        public long? Length => null;

        public long ScratchNeeded => 0;

        public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
        {
            await sink.WriteAsync(
                async (content, token) =>
                {
                    await using var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true);
                    foreach (var name in Names)
                        await tar.WriteEntryAsync(Path.Combine(directory, name), name, token);
                },
                sink.Progress,
                cancellationToken);
            await sink.WritePartAsync(NamesPart, ArtifactEncoding.None, (content, token) => content.WriteAsync(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', Names)), token).AsTask(), cancellationToken);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>The directory of a tree: the restored one is made beside it, and both change names.</summary>
internal sealed class TreeTarget(string live, string? to) : IRestoreTarget
{
    /// <summary>The restored one, in a working directory that is there until the preparation is disposed.</summary>
    private const string Made = "made";

    private static readonly HashSet<string> Locked = [];

    private readonly string place = to is null ? live : Directory.Exists(to) && to != live ? Path.Combine(to, Path.GetFileName(live)) : to;

    public string Location => place;

    public string Volume => Path.GetDirectoryName(place)!;

    public string? SpaceCommand => null;

    public string LookCommand => ToolProcess.Line(["ls", "-l", place]);

    public bool IsLive => place == live;

    public bool Exists => Directory.Exists(place);

    public long Length => Exists ? Directory.EnumerateFiles(place).Sum(file => new FileInfo(file).Length) : 0;

    public string SafetyForm => $"{Path.GetFileName(place)}.pre_restore.<time>";

    public string UnfinishedForm => $"{place}.new";

    public IReadOnlyList<string> Leftovers => [];

    public IReadOnlyList<FileUser> Users() => [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden) => forbidden.Contains(place)
        ? new BackupException(FailureKind.Restore, $"'{place}' belongs to the agent itself", "name another place")
        : null;

    public long RoomFor(long content) => content;

    public long? Available() => null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => $"{place}.pre_restore.{now.ToUnixTimeMilliseconds()}";

    public IDisposable Lock()
    {
        lock (Locked)
        {
            if (!Locked.Add(place))
                throw new BackupException(FailureKind.Locked, $"another restore to '{place}' is under way", "wait");
        }

        return new Unlock(place);
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var beside = $"{place}.{Guid.NewGuid():N}.restoring";
        Directory.CreateDirectory(Path.Combine(beside, Made));
        try
        {
            var finding = await TreeSource.ReadAsync(
                chain,
                async (name, content) =>
                {
                    if (!TreeSource.Names.Contains(name))
                        return $"it holds '{name}', which is no file of a tree";
                    await using var file = File.Create(Path.Combine(beside, Made, name));
                    await content.CopyToAsync(file, cancellationToken);
                    return null;
                },
                cancellationToken);
            return new Prepared(this, beside, new ContentCheck(finding));
        }
        catch
        {
            Directory.Delete(beside, recursive: true);
            throw;
        }
    }

    private sealed class Unlock(string place) : IDisposable
    {
        public void Dispose()
        {
            lock (Locked)
                Locked.Remove(place);
        }
    }

    private sealed class Prepared(TreeTarget target, string beside, ContentCheck check) : IPreparedRestore
    {
        private string? safety;
        private bool isMoved;

        public ContentCheck Check => check;

        public RestoredPlace Place => new(target.place, Owner: null, safety, [], safety is null ? "" : $"rm -r '{target.place}'; mv '{safety}' '{target.place}'");

        public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => File.Exists(Path.Combine(beside, Made, question))
            ? Task.FromResult(new ProbeAnswer(HasRow: true, File.ReadAllText(Path.Combine(beside, Made, question)).Split('\n')[0]))
            : throw new BackupException(FailureKind.Restore, $"the probe could not be asked: no file '{question}'", "name a file of the tree");

        public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
        {
            if (target.Exists)
            {
                safety = target.SafetyName(context.Now, context.Zone);
                context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
            }

            return Task.CompletedTask;
        }

        public void Switch(RestoreContext context)
        {
            context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored tree in place of {target.place}"));
            if (safety is not null)
            {
                Directory.Move(target.place, safety);
                isMoved = true;
            }

            Directory.Move(Path.Combine(beside, Made), target.place);
        }

        public BackupException? RollBack()
        {
            if (isMoved && !target.Exists)
                Directory.Move(safety!, target.place);
            safety = null;
            return null;
        }

        public void MakeDurable()
        {
        }

        public ValueTask DisposeAsync()
        {
            if (Directory.Exists(beside))
                Directory.Delete(beside, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>Knows a command for one question, and none for the others.</summary>
internal sealed class TreeInspection(string directory) : ISourceInspection
{
    public bool Exists => Directory.Exists(directory);

    public IReadOnlyList<string> SafetyCopies => [];

    public HeldDeleted? HeldDeleted => null;

    public string CheckName => "seals";

    public string? CommandFor(SourceQuestion question) => question == SourceQuestion.WhatIsThere ? ToolProcess.Line(["ls", "-l", directory]) : null;

    public string CheckCommand(string safetyCopy) => ToolProcess.Line(["ls", "-l", safetyCopy]);
}
