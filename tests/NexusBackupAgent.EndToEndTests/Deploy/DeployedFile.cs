using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>A YAML file of <c>deploy/</c>, read as JSON, its anchors and merged mappings resolved.</summary>
internal static class DeployedFile
{
    public static string Path(params string[] parts) => Repository.File(["deploy", .. parts]);

    /// <summary>The file's only document.</summary>
    public static JsonNode Read(params string[] parts) => Assert.Single(ReadAll(Path(parts)));

    /// <summary>Every document of a file.</summary>
    /// <param name="path">Absolute.</param>
    public static IReadOnlyList<JsonNode> ReadAll(string path)
    {
        using var text = new StreamReader(path);
        var parser = new MergingParser(new Parser(text));
        var yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        var json = new SerializerBuilder().JsonCompatible().Build();
        var documents = new List<JsonNode>();
        parser.Consume<StreamStart>();
        while (!parser.Accept<StreamEnd>(out _))
            documents.Add(JsonNode.Parse(json.Serialize(yaml.Deserialize(parser)))!);
        return documents;
    }

    /// <summary>The texts of a list.</summary>
    public static IReadOnlyList<string> Texts(this JsonNode? list) => [.. list!.AsArray().Select(item => item!.GetValue<string>())];

    /// <summary>A value that a script or a person would write without quotes.</summary>
    public static string Text(this JsonNode? value) => value!.AsValue().ToString();
}
