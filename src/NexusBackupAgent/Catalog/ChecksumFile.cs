using System.Text.RegularExpressions;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>What a <c>.sha256</c> file says, which somebody may have made by hand.</summary>
/// <param name="Sums">By file, each as often as it is named.</param>
/// <param name="Problem">Why it can't be read at all; null when it can.</param>
internal sealed record NotedSums(IReadOnlyList<NotedSum> Sums, string? Problem = null)
{
    /// <summary>It holds nothing: whoever makes it is still at work, or was never let finish.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>The SHA-256 of a file, in lower case, or why it tells none.</summary>
    /// <param name="names">What the file may be called in it.</param>
    public (string? Sha256, string? Problem) Of(params IReadOnlyCollection<string> names)
    {
        if (Problem is not null)
            return (null, Problem);
        var said = Sums.Where(sum => sum.Names(names)).Select(sum => sum.Sha256).Distinct(StringComparer.Ordinal).ToList();
        if (said.Count == 0 && Sums is [{ File: null, Heading: null } only])
            said = [only.Sha256];
        return said switch
        {
            [var sha256] => (sha256, null),
            [] => (null, IsEmpty ? "it is empty" : $"it holds no SHA-256 of {names.First()}"),
            _ => (null, $"it holds {said.Count} different SHA-256 of {names.First()}"),
        };
    }
}

/// <param name="Sha256">In lower case.</param>
/// <param name="File">As it is written, with its directory; null when the line names none.</param>
/// <param name="Heading">The line above one that holds nothing else, when that is no sum itself.</param>
internal sealed record NotedSum(string Sha256, string? File, string? Heading = null)
{
    public bool Names(IReadOnlyCollection<string> names) =>
        File is { } file ? names.Contains(file[(file.LastIndexOfAny(['/', '\\']) + 1)..]) : Heading is { } heading && names.Any(name => Mentions(heading, name));

    /// <summary>Whether a heading, in whatever language, names the file and not one whose name is longer.</summary>
    private static bool Mentions(string heading, string name) =>
        heading.IndexOf(name, StringComparison.Ordinal) is >= 0 and var place && (place + name.Length == heading.Length || heading[place + name.Length] is ':' or ' ' or ')' or '"' or '\'');
}

/// <summary>The <c>.sha256</c> file beside an artifact, as <c>sha256sum --check</c> reads it: the artifact's line first, then one for each further part.</summary>
internal static partial class ChecksumFile
{
    /// <summary>Bytes; ten thousand lines have room in it, and no larger file is read.</summary>
    private const long Largest = 1 << 20;

    public static Task WriteAsync(SourceDirectory directory, BackupManifest manifest, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        directory.PutTextAsync(
            BackupFiles.Checksum(manifest.File),
            string.Concat(manifest.Parts.Select(part => Line(part.Stored, BackupFiles.Part(manifest.File, part.Name))).Prepend(Line(manifest.Stored, manifest.File))),
            Durability.NameLater,
            cancellationToken,
            lockedUntil);

    private static string Line(ArtifactDigest stored, string file) => $"{stored.Sha256}  {file}\n";

    /// <returns>What it says; null when there is none.</returns>
    /// <exception cref="Common.BackupException">It can't be read now, which is no fault of its content.</exception>
    public static async Task<NotedSums?> ReadAsync(SourceDirectory directory, string artifact, CancellationToken cancellationToken)
    {
        if (!(await directory.ListAsync(cancellationToken)).TryGetCompanion(artifact, BackupFiles.Checksum, out var checksum))
            return null;
        if (checksum.Value.WhyNotSmall(Largest) is { } problem)
            return new NotedSums([], problem);
        try
        {
            await using var stream = await directory.OpenAsync(checksum.Value.Name, cancellationToken);
            using var reader = new StreamReader(stream); // with a byte order mark also what Windows writes, UTF-16
            return Parse(await reader.ReadToEndAsync(cancellationToken));
        }
        catch (FileNotFoundException)
        {
            return new NotedSums([], "it is a link that leads nowhere, or was deleted a moment ago");
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{directory.Describe(checksum.Value.Name)}'", directory.Describe(""));
        }
    }

    /// <summary>
    /// Reads what <c>sha256sum --check</c> accepts (GNU's and BSD's lines, names in escapes, comments), and what OpenSSL,
    /// Windows' <c>certutil</c> and PowerShell's <c>Get-FileHash</c> print.
    /// </summary>
    public static NotedSums Parse(string text)
    {
        var sums = new List<NotedSum>();
        string? heading = null;
        foreach (var line in text.Split('\n').Select(line => line.EndsWith('\r') ? line[..^1] : line))
        {
            if (line.StartsWith('#') || string.IsNullOrWhiteSpace(line))
                continue;
            var sum = SumIn(line, heading);
            heading = sum is null ? line : null;
            if (sum is not null)
                sums.Add(sum);
        }

        return new NotedSums(sums) { IsEmpty = string.IsNullOrWhiteSpace(text) };
    }

    private static NotedSum? SumIn(string line, string? heading)
    {
        if (Gnu().Match(line) is { Success: true } gnu)
            return Sum(gnu, heading: null);
        if (Tagged().Match(line) is { Success: true } tagged)
            return Sum(tagged, heading: null);
        if (Table().Match(line) is { Success: true } table)
            return Sum(table, heading: null);
        var bare = line.Replace(" ", "", StringComparison.Ordinal); // an older certutil writes byte by byte
        return Bare().Match(bare) is { Success: true } alone ? Sum(alone, heading) : null;
    }

    private static NotedSum Sum(Match line, string? heading) => new(
        line.Groups["sum"].Value.ToLowerInvariant(),
        line.Groups["file"] switch
        {
            { Success: false } or { Value: "-" } => null, // of what came in by a pipe
            { Value: var file } when line.Groups["escaped"].Success => Escape().Replace(file, escape => escape.Value switch { @"\n" => "\n", @"\r" => "\r", _ => @"\" }),
            { Value: var file } => file,
        },
        heading);

    // As in sha256sum, a name may begin with blanks or a star: what stands between is one or two characters. Some write more.
    [GeneratedRegex(@"^[ \t]*(?<escaped>\\)?(?<sum>[0-9A-Fa-f]{64})[ \t]+\*?(?<file>[^ \t].*)$", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Gnu();

    [GeneratedRegex(@"^[ \t]*(?<escaped>\\)?SHA(2-|-)?256[ \t]*\((?<file>.+)\)[ \t]*=[ \t]*(?<sum>[0-9A-Fa-f]{64})[ \t]*$", RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Tagged();

    [GeneratedRegex(@"^SHA256[ \t]+(?<sum>[0-9A-Fa-f]{64})[ \t]+(?<file>[^ \t].*?)[ \t]*$", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Table();

    [GeneratedRegex("^(?<sum>[0-9A-Fa-f]{64})$", RegexOptions.ExplicitCapture)]
    private static partial Regex Bare();

    [GeneratedRegex(@"\\[nr\\]")]
    private static partial Regex Escape();
}
