namespace NexusBackupAgent.Configuration;

/// <summary>One key of the file with its value, and the way to say what is wrong with it.</summary>
/// <param name="Path">The dotted path of the key.</param>
/// <param name="Name">Its last part.</param>
/// <param name="Line">1-based.</param>
/// <param name="Node">The value.</param>
/// <param name="Problems">Takes the problems.</param>
internal sealed record Field(string Path, string Name, int Line, DocumentNode Node, ProblemList Problems)
{
    /// <summary>The value, or something below it, may be a secret: no problem shows it.</summary>
    public bool IsSecret { get; init; }

    /// <summary>The value of a scalar as written, for a problem's report; null for anything else.</summary>
    private string? Written => Node is ScalarNode { IsNull: false } scalar && !IsSecret ? WithoutPath(scalar.Text) : null;

    /// <summary>Nothing was written after the colon.</summary>
    public bool IsEmpty => Node is ScalarNode { IsNull: true };

    /// <summary>The text of a scalar; anything else is reported and gives null.</summary>
    /// <param name="example">A value that would be right, for the mend.</param>
    public string? Text(string example)
    {
        if (Node is ScalarNode { IsNull: false } scalar && scalar.Text.Length > 0)
            return scalar.Text;
        var found = Node switch
        {
            MappingNode => "is a mapping where one value is expected",
            ListNode => "is a list where one value is expected",
            _ => "has no value",
        };
        Error(found, $"write one value, for example {Name}: {example}");
        return null;
    }

    /// <summary>Itself; of a list each item, as a value of the same key.</summary>
    public IReadOnlyList<Field> OneOrMany() =>
        Node is ListNode list ? [.. list.Items.Select(item => this with { Node = item, Line = item.Line })] : [this];

    /// <summary>The keys below; anything but a mapping is reported and gives null.</summary>
    /// <param name="example">What would be right, for the mend.</param>
    public Section? Section(string example)
    {
        if (Node is MappingNode mapping)
            return new Section(Path, Line, mapping, Problems, IsSecret);
        var found = Node switch
        {
            ListNode => "is a list where keys are expected",
            ScalarNode { IsNull: true } => "is empty",
            _ => "is one value where keys are expected",
        };
        Error(found, $"write keys below it, for example {example}");
        return null;
    }

    /// <summary>The value made from its text; a <see cref="FormatException"/> is reported and gives <paramref name="fallback"/>.</summary>
    /// <param name="parse">Throws <see cref="FormatException"/> with what is wrong, or <see cref="WrongTextException"/> with the mend as well.</param>
    /// <param name="fallback">Stands in, so that reading goes on to the next problem.</param>
    /// <param name="example">A value that would be right.</param>
    /// <param name="teaching">The mend when <paramref name="parse"/> tells none; default: an example.</param>
    public T Parse<T>(Func<string, T> parse, T fallback, string example, string? teaching = null)
    {
        if (Text(example) is not { } text)
            return fallback;
        try
        {
            return parse(text);
        }
        catch (FormatException wrong)
        {
            var (problem, mend) = wrong is WrongTextException known ? (known.Problem, known.Mend) : (wrong.Message, null);
            Error(problem, mend ?? teaching ?? $"write for example {Name}: {example}");
            return fallback;
        }
    }

    public void Error(string problem, string mend) =>
        Problems.Add(new ConfigurationProblem(Path, Line, Written, problem, mend));

    public void Warning(string problem, string mend) =>
        Problems.Add(new ConfigurationProblem(Path, Line, Written, problem, mend, IsError: false));

    /// <summary>Behind the host, an address may hold a secret, also below a key that is misspelt.</summary>
    public static string WithoutPath(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Host.Length > 0 && (address.PathAndQuery.Length > 1 || address.UserInfo.Length > 0)
            ? $"{address.Scheme}://{address.Authority}/…"
            : text;
}
