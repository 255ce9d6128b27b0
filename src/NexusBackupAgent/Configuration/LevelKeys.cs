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

    /// <summary>Reports the keys of a section that this version does not act on.</summary>
    public void ReportOthers(Section section)
    {
        foreach (var field in section.Fields.Where(field => !Used.Contains(field.Name)))
        {
            if (Ignored.Contains(field.Name))
                field.Warning("has no effect in this version", "remove it, or leave it for a later version");
            else if (Unsupported.Contains(field.Name))
                field.Error("is not supported by this version", Supported);
            else
                field.Error("is not a known key", MendOf(field));
        }
    }

    private string MendOf(Field field)
    {
        if (NearestWord.Find(field.Name, Known) is { } nearest)
            return $"did you mean {nearest}?";
        if (field.Problems.Levels.FirstOrDefault(other => other.Used.Contains(field.Name)) is { } home)
            return home.Place.Length == 0 ? "it belongs to the top level of the file" : $"it belongs below {home.Place}";
        return $"the keys here are {string.Join(", ", Used)}";
    }
}
