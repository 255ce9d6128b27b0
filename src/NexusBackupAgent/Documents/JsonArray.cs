using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Documents;

/// <summary>Prints a long array of documents block by block, as it would be printed in one piece: a hundred thousand backups are 40 MB of text.</summary>
internal static class JsonArray
{
    /// <summary>Documents; their text stays small enough for the young generation of the heap.</summary>
    private const int Block = 64;

    /// <param name="items">What the documents tell of, in their order.</param>
    /// <param name="document">Makes the document of one; called by several threads at once.</param>
    /// <param name="type">Of a whole array.</param>
    public static void Print<TItem, TDocument>(TextWriter output, IReadOnlyCollection<TItem> items, Func<TItem, TDocument> document, JsonTypeInfo<IReadOnlyList<TDocument>> type)
    {
        var blocks = items.Chunk(Block).AsParallel().AsOrdered().WithDegreeOfParallelism(Cores.Used)
            .Select(block => JsonSerializer.Serialize([.. block.Select(document)], type));
        var end = Environment.NewLine + "]";
        var separator = "[";
        foreach (var text in blocks)
        {
            output.Write(separator);
            output.Write(text.AsSpan(1, text.Length - 1 - end.Length));
            separator = ",";
        }

        output.WriteLine(items.Count == 0 ? "[]" : end);
    }
}
