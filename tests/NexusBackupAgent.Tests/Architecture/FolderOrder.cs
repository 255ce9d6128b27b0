using System.Text.RegularExpressions;

namespace NexusBackupAgent.Tests.Architecture;

/// <param name="Path">Relative to the project, with forward slashes: <c>Sources/Sqlite/SqliteSource.cs</c>.</param>
/// <param name="Text">The file's content.</param>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>The feature folder; for a file in the project's root, the part of the root that it belongs to.</summary>
    public string Folder => Path switch
    {
        "Program.cs" or "AgentHost.cs" => FolderOrder.Host,
        _ when Path.Contains('/', StringComparison.Ordinal) => Path[..Path.IndexOf('/', StringComparison.Ordinal)],
        _ => FolderOrder.Agent,
    };

    public string ExpectedNamespace => string.Join('.', Path.Split('/')[..^1].Prepend("NexusBackupAgent"));
}

/// <summary>
/// The rule that a folder may use only folders below it, and may not hide that it uses them. The project's root is two such
/// places: what starts the program, above everything; and the agent with its configuration, which commands and HTTP are handed.
/// </summary>
internal static partial class FolderOrder
{
    public const string Host = "the host";

    public const string Agent = "the agent";

    /// <summary>From top to bottom.</summary>
    public static IReadOnlyList<string> Folders { get; } =
    [
        Host, "Cli", "Http", Agent, "Metrics", "Documents", "Runbook", "Status", "Scheduling", "Operations", "Hooks", "Journal", "Restore",
        "Verification", "Retention", "Catalog", "Sources", "Stores", "Artifacts", "Access", "ObjectStorage", "Configuration", "Platform", "Common",
    ];

    /// <summary>Uses of a folder above that are still to be untangled; the list only shrinks.</summary>
    private static readonly (string Folder, string Used)[] Tangled =
    [
    ];

    /// <summary>One line for each violation: file, what it does, what is allowed.</summary>
    public static IReadOnlyList<string> Violations(IReadOnlyList<SourceFile> files) =>
        [.. files.SelectMany(file => ViolationsOf(file, files)).Distinct(StringComparer.Ordinal)];

    private static IEnumerable<string> ViolationsOf(SourceFile file, IReadOnlyList<SourceFile> files)
    {
        var code = Comment().Replace(file.Text, " ");
        if (GlobalUsing().IsMatch(code))
            yield return $"{file.Path}: has a global using; write it in each file that needs it";
        if (file.Folder == Host)
            yield break; // It may use all.

        if (!Folders.Contains(file.Folder))
            yield return $"{file.Path}: folder {file.Folder} has no place in the order";
        if (Namespace().Match(code) is { Success: true } declared && declared.Groups["name"].Value != file.ExpectedNamespace)
            yield return $"{file.Path}: namespace {declared.Groups["name"].Value} is not its folder's, {file.ExpectedNamespace}";

        foreach (var folder in Using().Matches(code).Select(match => match.Groups["folder"].Value).Where(folder => !MayUse(file.Folder, folder)))
            yield return $"{file.Path}: {file.Folder} uses {folder}, which is not below it";

        var body = Using().Replace(Namespace().Replace(code, " "), " ");
        var types = TypeName().Matches(Text().Replace(body, " ")).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);
        foreach (var root in files.Where(root => !root.Path.Contains('/', StringComparison.Ordinal) && !MayUse(file.Folder, root.Folder)))
        {
            foreach (var type in Declared().Matches(root.Text).Select(match => match.Groups["name"].Value).Where(types.Contains))
                yield return $"{file.Path}: {file.Folder} uses {type} of {root.Folder}, which is not below it";
        }

        foreach (var folder in Qualified().Matches(body).Select(match => match.Groups["folder"].Value))
            yield return $"{file.Path}: names NexusBackupAgent.{folder} in full; write a using";
        foreach (var name in Relative().Matches(body).Where(match => IsType(match, files) && match.Groups["folder"].Value != file.Folder).Select(match => match.Value))
            yield return $"{file.Path}: names {name} through its folder; write a using";
    }

    private static bool MayUse(string folder, string used) =>
        Folders.Contains(used) && (Folders.ToList().IndexOf(folder) <= Folders.ToList().IndexOf(used) || Tangled.Contains((folder, used)));

    /// <summary>A property may have a folder's name; only a type that lies there makes it a namespace.</summary>
    private static bool IsType(Match name, IReadOnlyList<SourceFile> files) => files.Any(file =>
        file.Folder == name.Groups["folder"].Value && file.Path.EndsWith($"/{name.Groups["type"].Value}.cs", StringComparison.Ordinal));

    [GeneratedRegex(@"/\*.*?\*/|(?<!:)//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comment();

    /// <summary>The root's types need no using: a name tells that stands where a type does, in a declaration, a type argument, after new or before a call.</summary>
    [GeneratedRegex(@"(?<![\w.])[A-Z]\w+(?=\??(\[\])?\s+(?!(is|as|switch|with|and|or|when|in)\b)\w|\??\s*>|\.[A-Z]\w*\()|(?<=\bnew\s+)[A-Z]\w+", RegexOptions.ExplicitCapture)]
    private static partial Regex TypeName();

    [GeneratedRegex(@"""(\\.|[^""\\])*""", RegexOptions.ExplicitCapture)]
    private static partial Regex Text();

    [GeneratedRegex(@"^internal [\w ]*(class|record|interface|struct|enum) (?<name>\w+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Declared();

    [GeneratedRegex(@"^\s*global\s+using\b", RegexOptions.Multiline)]
    private static partial Regex GlobalUsing();

    [GeneratedRegex(@"^\s*namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    /// <summary>Plain, static and aliasing directives.</summary>
    [GeneratedRegex(@"^\s*using\s+(static\s+)?(\w+\s*=\s*)?(global::)?NexusBackupAgent\.(?<folder>\w+)[^;\n]*;", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Using();

    [GeneratedRegex(@"\bNexusBackupAgent\.(?<folder>\w+)\.", RegexOptions.ExplicitCapture)]
    private static partial Regex Qualified();

    [GeneratedRegex(@"(?<![\w.])(?<folder>[A-Z]\w+)\.(\w+\.)?(?<type>[A-Z]\w+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Relative();
}
