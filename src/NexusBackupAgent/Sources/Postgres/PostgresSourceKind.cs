using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Postgres.Logical;
using NexusBackupAgent.Sources.Postgres.Physical;

namespace NexusBackupAgent.Sources.Postgres;

/// <summary><c>postgres:</c>, the URI of a database, of many by pattern, or of a cluster.</summary>
internal sealed class PostgresSourceKind : ISourceKind
{
    public const string Word = "postgres";

    private const string Logical = "logical";
    private const string Physical = "physical";

    public static readonly Bilingual Database = new("database", "DB");

    public string Key => Word;

    public IReadOnlyList<string> Options => ["method", "passwordFile", "serviceFile", "binDirectory", .. LogicalOptions.Keys, .. PhysicalOptions.Keys];

    public IReadOnlyList<LevelKeys> Levels => [];

    /// <summary>A password file, a service file and the key of a certificate may be named by keys, and in the address as well.</summary>
    public (MappingNode Open, MappingNode WithSecrets) WithoutSecretFiles(MappingNode keys)
    {
        var (open, secret) = (new List<MappingEntry>(), new List<MappingEntry>());
        foreach (var entry in keys.Entries)
        {
            if (entry.Key is "passwordFile" or "serviceFile")
            {
                secret.Add(entry);
            }
            else if (entry is { Key: Word, Value: ScalarNode { Text: { } text } } && WithoutSecretFiles(text) is { } rest && rest != text)
            {
                secret.Add(entry);
                open.Add(entry with { Value = DocumentText.Value(rest)! });
            }
            else
            {
                open.Add(entry);
            }
        }

        return (keys with { Entries = open }, keys with { Entries = secret });
    }

    private static string WithoutSecretFiles(string address)
    {
        try
        {
            var (whole, parsed) = (PostgresAddress.Parse(address, "/").Written, PostgresAddress.Parse(address, "/").WithoutSecretFiles());
            return parsed.Written == whole ? address : parsed.Written;
        }
        catch (FormatException)
        {
            return address; // no command takes it
        }
    }

    public string Noun => Database.English;

    public string Example => $"postgres: {PostgresAddress.Example}";

    public string Offer => $"PostgreSQL databases: postgres: {PostgresAddress.Example}";

    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        // Whatever is wrong with it is told without it: it may hold a password in spite of all.
        var address = source.Find(Key) is { } field ? (field with { IsSecret = true }).Parse(text => PostgresAddress.Parse(text, baseDirectory), fallback: null, PostgresAddress.Example) : null;
        var method = source.Find("method")?.Parse(text => text is Logical or Physical ? text : throw new WrongTextException("is no method", $"write {Logical} or {Physical}"), Logical, Logical) ?? Logical;
        var credentials = new PostgresCredentials(
            source.Find("passwordFile")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/etc/nexus-backup/shop.password"),
            source.Find("serviceFile")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/etc/nexus-backup/pg_service.conf"));
        var tools = source.Find("binDirectory")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/usr/lib/postgresql/15/bin");
        var logical = LogicalOptions.Bind(source, baseDirectory, isUsed: method == Logical);
        var physical = PhysicalOptions.Bind(source, baseDirectory, isUsed: method == Physical);
        if (address is null)
            return null;
        if (method == Physical && address.IsPattern)
            source.Find(Key)!.Error("is a pattern, and a physical backup is of a whole cluster", "name one database of it, through which the agent connects");
        return new PostgresSettings(this, name, address, credentials, tools) { Logical = logical, Physical = method == Physical ? physical : null };
    }

    public MappingNode ExampleFor(string artifact) => DocumentText.Mapping(
        (Key, DocumentText.Value(PostgresAddress.Example)), ("method", artifact.Contains(".tar.", StringComparison.Ordinal) ? DocumentText.Value(Physical) : null));

    public bool HasSpecimen => false;

    public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => throw new NotSupportedException("a database needs a server");
}

/// <param name="Name">The source's name; of a pattern the group's.</param>
/// <param name="BinDirectory">Where PostgreSQL's tools are; null: found.</param>
internal sealed record PostgresSettings(ISourceKind Kind, string Name, PostgresAddress Address, PostgresCredentials Credentials, string? BinDirectory) : ISourceSettings
{
    public required LogicalOptions Logical { get; init; }

    /// <summary>Null: logical backups.</summary>
    public required PhysicalOptions? Physical { get; init; }

    public bool IsGroup => Address.IsPattern;

    public string Shown => Address.Shown;

    private string PathKey => KeyPath.Join("sources", Name, Kind.Key);

    public SourceFindings Find(IReadOnlyCollection<FoundSource> before)
    {
        if (!IsGroup)
            return new SourceFindings([new FoundSource(Name, Address.Database ?? "")], Unlisted: []);
        try
        {
            var names = DatabasesThere();
            return new SourceFindings([.. names.Where(name => NameText.FindMistake(name) is null).Select(name => new FoundSource(name, name))], [.. names.Where(name => NameText.FindMistake(name) is not null)]);
        }
        catch (BackupException)
        {
            return new SourceFindings([.. before], [Shown]); // a server that does not answer has lost nothing
        }
    }

    public bool CanName(string name) => IsGroup && DatabasePattern.Matches(Address.Database!, name);

    public string PlaceOf(string name) => IsGroup ? name : Address.Database ?? "";

    public MappingNode OriginOf(string place) => DocumentText.Mapping(
        (Kind.Key, DocumentText.Value((Address with { Database = place.Length == 0 ? Address.Database : place, IsPattern = false }).Written)),
        ("method", Physical is null ? null : DocumentText.Value("physical")),
        ("dataDirectory", DocumentText.Value(Physical?.DataDirectory)),
        ("passwordFile", DocumentText.Value(Credentials.PasswordFile)),
        ("serviceFile", DocumentText.Value(Credentials.ServiceFile)));

    public string? LocalPath(string place) => null;

    public string Identify(string place)
    {
        try
        {
            var at = Server(place).Resolved;
            return $"{at.Host}:{at.PortOrStandard}/{(Physical is null ? at.Database : "")}";
        }
        catch (BackupException)
        {
            return $"{Shown}/{place}";
        }
    }

    public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers)
    {
        var server = Server(place, scratch);
        var tools = new PostgresTools(BinDirectory, timeProvider);
        return Physical is { } physical
            ? PhysicalOptions.Open(physical, Name, server, tools, scratch, timeProvider, loggers)
            : new LogicalSource(server, Logical.ScratchServer is { } other ? new PostgresServer(other, Credentials, scratch) : server, tools, Logical, scratch, timeProvider);
    }

    public IEnumerable<ConfigurationProblem> Check()
    {
        var problems = new List<ConfigurationProblem>();
        try
        {
            using var connection = Server(IsGroup ? PostgresServer.Maintenance : Address.Database ?? "").Open();
            var tools = new PostgresTools(BinDirectory, TimeProvider.System);
            foreach (var (program, fit) in Physical is null ? LogicalSource.Needed : PhysicalOptions.Needed)
                tools.FindAsync(program, connection.PostgreSqlVersion.Major, fit, CancellationToken.None).GetAwaiter().GetResult();
            foreach (var place in Physical is null ? Find(before: []).Found.Select(found => found.Place) : [])
                Logical.RequireAsync(Server(place), place).GetAwaiter().GetResult();
            if (Physical is { } physical)
                problems.AddRange(ServerState.ReadAsync(connection, physical.Slot, CancellationToken.None).GetAwaiter().GetResult().Obstacles.Select(found => new ConfigurationProblem(PathKey, Line: 0, Shown, found.Problem, found.Mend, found.Kind is not null)));
        }
        catch (BackupException failure)
        {
            problems.Add(new ConfigurationProblem(PathKey, Line: 0, Shown, failure.Message, failure.Hint));
        }
        catch (NpgsqlException failure)
        {
            problems.Add(new ConfigurationProblem(PathKey, Line: 0, Shown, failure.Message, "see the server's log"));
        }

        return problems;
    }

    private PostgresServer Server(string database, ScratchDirectory? scratch = null) =>
        new(Address with { Database = database.Length == 0 ? Address.Database : database, IsPattern = false }, Credentials, scratch);

    /// <summary>Those that may be connected to, without what drills and restores make beside them.</summary>
    private List<string> DatabasesThere()
    {
        using var connection = Server(PostgresServer.Maintenance).Open();
        using var command = new NpgsqlCommand("SELECT datname FROM pg_catalog.pg_database WHERE NOT datistemplate AND datallowconn ORDER BY datname", connection);
        using var rows = command.ExecuteReader();
        var names = new List<string>();
        while (rows.Read())
            names.Add(rows.GetString(0));
        return [.. names.Where(name => DatabasePattern.Matches(Address.Database!, name) && !DatabasePattern.IsOfRestore(name))];
    }
}

/// <summary>Names of databases by pattern.</summary>
internal static partial class DatabasePattern
{
    /// <summary>What the databases begin with that drills and restores make, and that nobody else may use.</summary>
    public const string Own = "nexus_backup_";

    /// <param name="pattern"><c>*</c> means any letters, <c>?</c> one.</param>
    public static bool Matches(string pattern, string name) =>
        Regex.IsMatch(name, "^" + Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal) + "\\z", RegexOptions.Singleline, TimeSpan.FromSeconds(1));

    /// <summary>Whether a drill or restore made it, or kept it.</summary>
    public static bool IsOfRestore(string name) => name.StartsWith(Own, StringComparison.Ordinal) || Kept().IsMatch(name);

    [GeneratedRegex(@"_pre_restore_[0-9]{14}(-[0-9]+)?\z")]
    private static partial Regex Kept();
}
