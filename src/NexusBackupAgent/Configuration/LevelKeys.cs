namespace NexusBackupAgent.Configuration;

/// <summary>The keys of one level of the file. The JSON schema has the same ones; a test compares them.</summary>
/// <param name="Place">Where the level is, as a pattern: <c>sources.&lt;name&gt;</c>; empty for the top.</param>
/// <param name="Used">What this version acts on.</param>
internal sealed record LevelKeys(string Place, params IReadOnlyList<string> Used)
{
    /// <summary>Understood and without effect in this version: a warning.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>Would change what is protected, so that ignoring it would deceive: an error.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>The mend of an unsupported key.</summary>
    public string Supported { get; init; } = "";

    /// <summary>What a reader may suggest.</summary>
    public IEnumerable<string> Known => Used.Concat(Ignored);
}
