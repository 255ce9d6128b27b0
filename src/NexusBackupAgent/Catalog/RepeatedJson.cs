using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// A text that stands alike in most files of a catalog, such as a schedule's name: a hundred thousand manifests share one.
/// </summary>
internal sealed class RepeatedTextConverter : JsonConverter<string>
{
    private const int Places = 512;
    private const int Longest = 128;

    // Each place holds the text that came last; who reads while another writes sees the one or the other.
    private static readonly Entry?[] known = new Entry?[Places];

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Of(ref reader);

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    /// <summary>Of a text or a property's name.</summary>
    public static string? Of(ref Utf8JsonReader reader)
    {
        if (reader.HasValueSequence || reader.ValueIsEscaped || reader.ValueSpan.Length > Longest || reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
            return reader.GetString();
        var hash = new HashCode();
        hash.AddBytes(reader.ValueSpan);
        ref var place = ref known[(uint)hash.ToHashCode() % Places];
        if (place is { } entry && reader.ValueSpan.SequenceEqual(entry.Bytes))
            return entry.Text;
        var text = reader.GetString()!;
        place = new Entry(Encoding.UTF8.GetBytes(text), text);
        return text;
    }

    private sealed record Entry(byte[] Bytes, string Text);
}

/// <summary>The versions of what made a backup: those of most are those of the one before.</summary>
internal sealed class RepeatedVersionsConverter : JsonConverter<IReadOnlyDictionary<string, string>>
{
    private static IReadOnlyDictionary<string, string>? last;

    public override IReadOnlyDictionary<string, string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException("versions are an object");
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = RepeatedTextConverter.Of(ref reader)!;
            reader.Read();
            if (RepeatedTextConverter.Of(ref reader) is not { } version || (!read.TryAdd(name, version) && !options.AllowDuplicateProperties))
                throw new JsonException("a version is a text, and stands there once");
            read[name] = version;
        }

        var before = last;
        return before is not null && before.Count == read.Count && read.All(pair => before.GetValueOrDefault(pair.Key) == pair.Value) ? before : last = read;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, version) in value)
            writer.WriteString(name, version);
        writer.WriteEndObject();
    }
}

/// <summary>The checks of a verification: those of most passed and have nothing to say.</summary>
internal sealed class RepeatedChecksConverter : JsonConverter<IReadOnlyList<CheckResult>>
{
    private static IReadOnlyList<CheckResult>? last;

    public override IReadOnlyList<CheckResult> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("checks are an array");
        var read = new List<CheckResult>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            read.Add(JsonSerializer.Deserialize(ref reader, TypeOf(options))!); // who judges the result finds one that is none
        return last is { } before && before.SequenceEqual(read) ? before : last = read;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<CheckResult> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var check in value)
            JsonSerializer.Serialize(writer, check, TypeOf(options));
        writer.WriteEndArray();
    }

    private static JsonTypeInfo<CheckResult> TypeOf(JsonSerializerOptions options) => (JsonTypeInfo<CheckResult>)options.GetTypeInfo(typeof(CheckResult));
}
