using System.Text.RegularExpressions;

namespace NexusBackupAgent.Tests.Architecture;

/// <summary>
/// Above <c>Sources/</c> and <c>Stores/</c> nothing knows a kind: not its name, its files, or a path of a disk. And nowhere is a
/// message read to learn something.
/// </summary>
public partial class KindsTests
{
    private const string Kind = "knows a kind";
    private const string FileName = "knows a kind's file name";
    private const string Disk = "touches a file";
    private const string Message = "reads a message";

    /// <summary>Places that may, and why. A place that ends with <c>/</c> is a folder.</summary>
    private static readonly (string Place, string Rule, string Why)[] Exceptions =
    [
        ("Access/Certificates.cs", Disk, "certificate and key are files of the host"),
        ("Agent.cs", Kind, "the self-test keeps its sample in a directory of the scratch, whatever stores there are"),
        ("Artifacts/Age/", Disk, "keys and recipients lie in files, and what is encrypted is checked in the scratch space"),
        ("Cli/CommandContext.cs", Disk, "looks for the configuration file"),
        ("Cli/RestoreCommand.cs", FileName, "examples of a command"),
        ("Cli/Demo/", Kind, "makes a sample database of that kind"),
        ("Cli/Demo/", FileName, "names it"),
        ("Cli/Demo/", Disk, "makes its files"),
        ("Cli/DemoCommand.cs", Kind, "teaches the standard tools that read the sample's backup"),
        ("Cli/DemoCommand.cs", FileName, "the same"),
        ("Cli/DemoCommand.cs", Disk, "tells how large the sample is"),
        ("Configuration/", Disk, "checks the paths that the file names"),
        ("ConfigurationFile.cs", Disk, "checks where the state directory goes"),
        ("Http/OpenApi.cs", FileName, "examples of answers"),
        ("Hooks/HookUrl.cs", Disk, "an address may lie in a file, because it is a secret"),
        ("Journal/", Kind, "the journal is itself one SQLite database"),
        ("Journal/", FileName, "its own"),
        ("Journal/", Disk, "its own"),
        ("Metrics/ProcessMetrics.cs", Disk, "counts what this process has open"),
        ("ObjectStorage/ObjectCredentials.cs", Disk, "keys lie in files"),
        ("Runbook/LogSearch.cs", Disk, "reads the agent's own log"),
        ("Runbook/Observer.cs", Disk, "measures the room for the state directory"),
    ];

    [Fact]
    public void Above_sources_and_stores_nothing_knows_a_kind()
    {
        var files = FolderOrderTests.SourceFiles();

        Assert.Contains(files, file => file.Path == "Operations/BackupRunner.cs");
        Assert.Empty(files.SelectMany(Violations).Where(violation => !Array.Exists(Exceptions, exception => Covers(exception, violation))).Select(violation => violation.ToString()));
    }

    [Fact]
    public void An_exception_that_is_no_longer_needed_is_removed()
    {
        var violations = FolderOrderTests.SourceFiles().SelectMany(Violations).ToList();

        Assert.Empty(Exceptions.Where(exception => !violations.Exists(violation => Covers(exception, violation))).Select(exception => $"{exception.Place} no longer {exception.Rule}"));
    }

    [Theory]
    // what is allowed
    [InlineData("Sources/Sqlite/A.cs", "using NexusBackupAgent.Sources.Files; var x = \"a.db-wal\"; File.Delete(x);", null)]
    [InlineData("Stores/Local/A.cs", "new FileInfo(path)", null)]
    [InlineData("Operations/A.cs", "using NexusBackupAgent.Sources; using NexusBackupAgent.Stores;", null)]
    [InlineData("Operations/A.cs", "/// the SQLite file of a .db.gz\n// File.Delete(\"x.db\")\n/* WalReader */", null)]
    [InlineData("Operations/A.cs", "catalog.Directory.LastIndexOf('/'); source.File.Name; new FileOwner();", null)]
    [InlineData("Operations/A.cs", "failure.Message; $\"{failure.Message}; {failure.Hint}\"; Messages.Contains(x);", null)]
    // a kind
    [InlineData("Operations/A.cs", "using NexusBackupAgent.Sources.Sqlite;", Kind)]
    [InlineData("Operations/A.cs", "using NexusBackupAgent.Sources.Files;", Kind)]
    [InlineData("Cli/A.cs", "using X = NexusBackupAgent.Stores.Local.LocalDirectoryStore;", Kind)]
    [InlineData("Cli/A.cs", "using NexusBackupAgent.Stores.S3;", Kind)]
    [InlineData("Runbook/A.cs", "if (source.Kind == \"sqlite\")", Kind)]
    [InlineData("Http/A.cs", "using Microsoft.Data.Sqlite;", Kind)]
    [InlineData("Catalog/A.cs", "class A(PageIndex index);", Kind)]
    [InlineData("Artifacts/A.cs", "WalReader.Open(path)", Kind)]
    // its files
    [InlineData("Catalog/A.cs", "var x = \".db\";", FileName)]
    [InlineData("Catalog/A.cs", "var x = $\"{name}.db-wal.gz\";", FileName)]
    [InlineData("Operations/A.cs", "File + \"-wal\"", FileName)]
    [InlineData("Operations/A.cs", "File + \"-shm\"", FileName)]
    [InlineData("Platform/A.cs", "[\"-journal\"]", FileName)]
    [InlineData("Catalog/A.cs", "Sidecars = [\".pages\"]", FileName)]
    [InlineData("Common/A.cs", "\".dump\"", FileName)]
    [InlineData("Status/A.cs", "\".tar.gz\"", FileName)]
    // a disk
    [InlineData("Operations/A.cs", "File.Exists(path)", Disk)]
    [InlineData("Catalog/A.cs", "Directory.EnumerateFiles(path)", Disk)]
    [InlineData("Catalog/A.cs", "System.IO.File.Delete(path)", Disk)]
    [InlineData("Catalog/A.cs", "paths.Where(File.Exists)", Disk)]
    [InlineData("Verification/A.cs", "new FileStream(path, FileMode.Open)", Disk)]
    [InlineData("Status/A.cs", "new DriveInfo(path)", Disk)]
    // a message, wherever it is read
    [InlineData("Sources/Sqlite/A.cs", "failure.Message.Contains(\"locked\")", Message)]
    [InlineData("Stores/Local/A.cs", "failure.Message.Split(':')", Message)]
    [InlineData("Operations/A.cs", "failure?.Message?.StartsWith(\"x\")", Message)]
    [InlineData("Operations/A.cs", "failure.Message[..3]", Message)]
    [InlineData("Operations/A.cs", "Locked().IsMatch(failure.Message)", Message)]
    [InlineData("Operations/A.cs", "failure.Message == \"locked\"", Message)]
    public void A_violation_is_found(string path, string text, string? rule) =>
        Assert.Equal(rule is null ? [] : [rule], Violations(new SourceFile(path, text)).Select(violation => violation.Rule).Distinct());

    private static IEnumerable<Violation> Violations(SourceFile file)
    {
        var code = Comment().Replace(file.Text, " ");
        var isKinds = file.Folder is "Sources" or "Stores";
        foreach (var (rule, pattern) in ((string, Regex)[])[(Kind, KindName()), (FileName, KindFile()), (Disk, DiskUse()), (Message, MessageRead())])
        {
            var isBelow = file.Folder == "Platform" && rule is (Kind or Disk); // what the machine and its libraries do
            if (rule == Message || !(isKinds || isBelow))
            {
                foreach (var found in pattern.Matches(code).Select(match => match.Value.Trim()))
                    yield return new Violation(file.Path, rule, found);
            }
        }
    }

    private static bool Covers((string Place, string Rule, string Why) exception, Violation violation) =>
        exception.Rule == violation.Rule
        && (exception.Place.EndsWith('/') ? violation.Path.StartsWith(exception.Place, StringComparison.Ordinal) : violation.Path == exception.Place);

    [GeneratedRegex(@"/\*.*?\*/|(?<!:)//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comment();

    /// <summary>A folder of a kind, a kind's name alone or in another, its pages and its write-ahead log.</summary>
    [GeneratedRegex(@"\bNexusBackupAgent\.(Sources|Stores)\.[A-Z]\w*|\b(?i:sqlite)\w*|\b(Page|Wal)[A-Z]\w*", RegexOptions.ExplicitCapture)]
    private static partial Regex KindName();

    /// <summary>In a text.</summary>
    [GeneratedRegex(@"""[^""\n]*(\.(db|pages|dump)\b|\.tar\.gz\b|-(wal|shm|journal)\b)[^""\n]*", RegexOptions.ExplicitCapture)]
    private static partial Regex KindFile();

    /// <summary>A property may be called <c>Directory</c> or <c>File</c>: it has a length, and stands behind a point.</summary>
    [GeneratedRegex(@"(?<![\w.])(System\.IO\.)?(File|Directory)\.(?!Length\b|LastIndexOf\b|Name\b)[A-Z]\w*|(?<!\w)(FileStream|FileInfo|DirectoryInfo|DriveInfo)\b", RegexOptions.ExplicitCapture)]
    private static partial Regex DiskUse();

    [GeneratedRegex(@"\bMessage[?!]?\.(Split|Contains|IndexOf|LastIndexOf|Replace|StartsWith|EndsWith|Substring)\(|\bMessage\[|\bMessage\s*(==|!=|is\s+"")|\b(Is)?Match(es)?\([^()\n]*\bMessage\b", RegexOptions.ExplicitCapture)]
    private static partial Regex MessageRead();

    private sealed record Violation(string Path, string Rule, string Found)
    {
        public override string ToString() => $"{Path} {Rule}: {Found}";
    }
}
