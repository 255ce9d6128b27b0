using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>What a dump holds, as the database said in the dump's own snapshot: the part <see cref="Part"/> of a backup, whose SHA-256 is in its manifest.</summary>
/// <param name="Server">Version of the server: <c>15.18</c>.</param>
/// <param name="Tool">Version of <c>pg_dump</c>.</param>
/// <param name="Tables">Whose rows are in the dump.</param>
/// <param name="LargeObjects">How many; null: left out.</param>
/// <param name="Extensions">That a restore needs.</param>
/// <param name="Notes">What is not in the dump, and why.</param>
internal sealed record DatabaseContents(
    string Server, string Tool, DatabaseProperties Database, IReadOnlyList<TableRows> Tables, long? LargeObjects, IReadOnlyList<string> Extensions, IReadOnlyList<string> Notes)
{
    public const string Part = "tables.json";

    /// <summary>Of a dump of rows alone, and of what one may build on: SHA-256 of the definitions of all tables.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Definitions { get; init; }

    /// <summary>That a dump of chosen tables is without, and that have to be there before it is restored; null: the dump has its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Schemas { get; init; }

    [JsonIgnore]
    public int ToolMajor => PostgresVersion.Major(Tool);

    /// <summary>The content of the part of a stored backup; null of one that somebody made by hand.</summary>
    public static async Task<DatabaseContents?> ReadAsync(StoredLink link, CancellationToken cancellationToken)
    {
        if (!link.Parts.Contains(Part))
            return null;
        using var text = new MemoryStream();
        await link.CopyPartAsync(Part, text, cancellationToken);
        try
        {
            return JsonSerializer.Deserialize(text.ToArray(), ContentsJson.Default.DatabaseContents) ?? throw link.Refuse($"its {Part} is empty");
        }
        catch (JsonException wrong)
        {
            throw new BackupException(FailureKind.Verification, $"{Part} of {link.Name} can't be read: {wrong.Message}", "update the agent, if a newer one made it", wrong);
        }
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ContentsJson.Readable.DatabaseContents);
}

/// <param name="Provider"><c>c</c>: libc; <c>i</c>: ICU, with <paramref name="Locale"/>.</param>
/// <param name="Settings">Of ALTER DATABASE … SET.</param>
/// <param name="Grants">Null: the standard ones.</param>
internal sealed record DatabaseProperties(
    string Owner, string Encoding, string Collate, string Ctype, string Provider, string? Locale, IReadOnlyList<DatabaseSetting> Settings, IReadOnlyList<DatabaseGrant>? Grants);

/// <param name="Role">Null: everybody.</param>
internal sealed record DatabaseSetting(string? Role, string Name, string Value);

/// <param name="Role">Null: PUBLIC.</param>
internal sealed record DatabaseGrant(string? Role, string Privilege, bool MayGrant);

internal sealed record TableRows(string Schema, string Name, long Rows)
{
    /// <summary>As <c>pg_dump</c> and people write it.</summary>
    [JsonIgnore]
    public string Quoted => $"{SqlName.Quote(Schema)}.{SqlName.Quote(Name)}";
}

internal static class PostgresVersion
{
    public static int Major(string version) => int.Parse(version.AsSpan(0, version.AsSpan().IndexOfAnyExceptInRange('0', '9') is >= 0 and var end ? end : version.Length), System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>Names in SQL.</summary>
internal static class SqlName
{
    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A text in SQL, whatever standard_conforming_strings says.</summary>
    public static string Text(string text) => $"{(text.Contains('\\') ? " E" : "")}'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true, DefaultIgnoreCondition = JsonIgnoreCondition.Never)]
[JsonSerializable(typeof(DatabaseContents))]
internal sealed partial class ContentsJson : JsonSerializerContext
{
    /// <summary>Names as people read them; the file is never put into a web page.</summary>
    public static ContentsJson Readable => readable.Value;

    private static readonly Lazy<ContentsJson> readable = new(() => new ContentsJson(new JsonSerializerOptions(Default!.Options!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
}
