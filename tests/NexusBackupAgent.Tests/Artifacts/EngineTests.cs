using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Artifacts.Zstd;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>Whatever holds of artifacts holds with every engine; each class of tests runs once with each.</summary>
/// <param name="name">How the engine's name begins. One that is missing skips the tests.</param>
public abstract class EngineTests(string name)
{
    private protected const string Libdeflate = "libdeflate";
    private protected const string Zlib = ".NET";
    private protected const string Zstd = "Zstd";

    private protected FrameEngine Engine { get; } = Find(name);

    private protected Task<ArtifactDigests> WriteAsync(
        Stream stored, Func<Stream, CancellationToken, Task> capture, IProgress<long>? progress = null, int level = 6, CancellationToken cancellationToken = default) =>
        ArtifactWriter.WriteAsync(Engine, stored, level, capture, progress, cancellationToken);

    private protected async Task<byte[]> ArtifactAsync(byte[] content, int level = 6)
    {
        using var stored = new MemoryStream();
        await WriteAsync(stored, (stream, token) => stream.WriteAsync(content, token).AsTask(), level: level);
        return stored.ToArray();
    }

    private protected Task<ArtifactReading> ReadAsync(Stream stored, Stream content, IProgress<long>? progress = null, CancellationToken cancellationToken = default) =>
        ArtifactReader.ReadAsync(Engine, stored, content, progress, cancellationToken);

    private static FrameEngine Find(string name)
    {
        var engine = ((IEnumerable<FrameEngine>)[.. GzipEngine.Available, ZstdEngine.Instance]).FirstOrDefault(engine => engine.Name.StartsWith(name, StringComparison.Ordinal));
        Need.That(engine is not null, $"needs {name} (apt-get install libdeflate0)");
        return engine!;
    }
}
