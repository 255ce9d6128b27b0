using System.Globalization;

namespace NexusBackupAgent.Configuration;

/// <summary>One mapping of the file: finds fields and reports duplicate and unknown keys.</summary>
internal sealed class Section
{
    private readonly List<Field> fields = [];
    private readonly ProblemList problems;

    /// <param name="path">The dotted path of the mapping's own key; empty for the root.</param>
    /// <param name="line">The line of that key.</param>
    /// <param name="mapping">The entries; of a duplicate the first one counts and the later ones are reported.</param>
    /// <param name="problems">Takes the problems.</param>
    /// <param name="isSecret">Whether values of it may be secrets.</param>
    public Section(string path, int line, MappingNode mapping, ProblemList problems, bool isSecret = false)
    {
        Path = path;
        Line = line;
        this.problems = problems;
        foreach (var entry in mapping.Entries)
        {
            var field = new Field(KeyPath.Join(path, entry.Key), entry.Key, entry.Line, entry.Value, problems) { IsSecret = isSecret };
            if (Find(entry.Key) is { } first)
                field.Error($"is written twice, first on line {first.Line}", "keep one of the two");
            else
                fields.Add(field);
        }
    }

    public string Path { get; }

    public int Line { get; }

    /// <summary>In the file's order.</summary>
    public IReadOnlyList<Field> Fields => fields;

    public Field? Find(string name) => fields.Find(field => field.Name == name);

    /// <summary>Reads a misspelt key as the one that was meant, so that what stands below it is looked at as well.</summary>
    public void ReadAs(Field misspelt, string name) => fields.Add(misspelt with { Name = name });

    /// <summary>A problem of the mapping as a whole, such as a key that is missing from it.</summary>
    public void Error(string problem, string mend) =>
        problems.Add(new ConfigurationProblem(Path, Line, Value: null, problem, mend));

    public void Warning(string problem, string mend) =>
        problems.Add(new ConfigurationProblem(Path, Line, Value: null, problem, mend, IsError: false));

    /// <summary>The section below a key; null if the key is absent or has nothing below it.</summary>
    public Section? FindSection(string name, string example) =>
        Find(name) is { IsEmpty: false } field ? field.Section(example) : null;

    /// <summary>A duration between two bounds, both allowed.</summary>
    public TimeSpan Duration(string name, TimeSpan fallback, TimeSpan least, TimeSpan most) =>
        Find(name)?.Parse(
            text => InRange(DurationText.Parse(text), least, most, DurationText.Format),
            fallback,
            DurationText.Format(fallback),
            DurationText.Teaching + $"; between {DurationText.Format(least)} and {DurationText.Format(most)}") ?? fallback;

    /// <summary>A whole number between two bounds, both allowed.</summary>
    public int Number(string name, int fallback, int least, int most) =>
        Find(name)?.Parse(
            text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? InRange(number, least, most, bound => $"{bound}")
                : throw new FormatException("is not a whole number"),
            fallback,
            $"{fallback}",
            $"write a whole number from {least} to {most}, for example {name}: {fallback}") ?? fallback;

    /// <summary><c>true</c> or <c>false</c>; absent is false.</summary>
    public bool Flag(string name) =>
        Find(name)?.Parse(
            text => text switch
            {
                "true" => true,
                "false" => false,
                _ => throw new FormatException("is neither true nor false"),
            },
            fallback: false,
            "true") ?? false;

    private static T InRange<T>(T value, T least, T most, Func<T, string> write)
        where T : IComparable<T> =>
        value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw new FormatException($"is out of range ({write(least)} to {write(most)})");
}

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
        foreach (var field in section.Fields.Where(field => !Used.Contains(field.Name)).ToList())
        {
            if (Ignored.Contains(field.Name))
                field.Warning("has no effect in this version", "remove it, or leave it for a later version");
            else if (Unsupported.Contains(field.Name))
                field.Error("is not supported by this version", Supported);
            else
                Misspelt(section, field);
        }
    }

    private void Misspelt(Section section, Field field)
    {
        var nearest = NearestWord.Find(field.Name, Known);
        field.Error("is not a known key", nearest is null ? HomeOf(field) : $"did you mean {nearest}?");
        if (nearest is not null && section.Find(nearest) is null)
            section.ReadAs(field, nearest);
    }

    private string HomeOf(Field field)
    {
        if (field.Problems.Levels.FirstOrDefault(other => other.Used.Contains(field.Name)) is { } home)
            return home.Place.Length == 0 ? "it belongs to the top level of the file" : $"it belongs below {home.Place}";
        return $"the keys here are {string.Join(", ", Used)}";
    }
}
