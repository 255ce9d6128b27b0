using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Documents;

/// <summary>Prints a long array of documents block by block, as it would be printed in one piece: a hundred thousand backups are 40 MB of text.</summary>
internal static class JsonArray
{
    /// <summary>Documents.</summary>
    private const int BlockLength = 64;

    private const int BlocksOfEachCore = 4;

    /// <param name="items">What the documents tell of, in their order.</param>
    /// <param name="document">Makes the document of one; called by several threads at once.</param>
    /// <param name="type">Of a whole array.</param>
    public static void Print<TItem, TDocument>(TextWriter output, IReadOnlyList<TItem> items, Func<TItem, TDocument> document, JsonTypeInfo<IReadOnlyList<TDocument>> type)
    {
        var blocks = Enumerable.Range(0, items.Count <= BlockLength ? 1 : Cores.Used * BlocksOfEachCore).Select(_ => new Block(type.Options)).ToArray();
        var separator = "[";
        for (var first = 0; first < items.Count; first += blocks.Length * BlockLength)
        {
            var count = Math.Min(blocks.Length, (items.Count - first + BlockLength - 1) / BlockLength);
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Cores.Used }, block =>
            {
                var start = first + (block * BlockLength);
                var documents = new TDocument[Math.Min(BlockLength, items.Count - start)];
                for (var place = 0; place < documents.Length; place++)
                    documents[place] = document(items[start + place]);
                blocks[block].Write(documents, type);
            });
            for (var block = 0; block < count; block++)
            {
                output.Write(separator);
                output.Write(blocks[block].Members);
                separator = ",";
            }
        }

        output.WriteLine(items.Count == 0 ? "[]" : Environment.NewLine + "]");
    }

    /// <summary>The text of some documents. It is written again and again in the same memory.</summary>
    private sealed class Block(JsonSerializerOptions options)
    {
        private readonly ArrayBufferWriter<byte> bytes = new();
        private char[] text = [];
        private int length;

        /// <summary>Without the brackets around them.</summary>
        public ReadOnlySpan<char> Members => text.AsSpan(1, length - 1 - (Environment.NewLine + "]").Length);

        public void Write<TDocument>(TDocument[] documents, JsonTypeInfo<IReadOnlyList<TDocument>> type)
        {
            bytes.ResetWrittenCount();
            using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = options.Encoder, Indented = options.WriteIndented, SkipValidation = true }))
                JsonSerializer.Serialize(writer, documents, type);
            if (text.Length < bytes.WrittenCount)
                text = new char[bytes.WrittenCount];
            length = Encoding.UTF8.GetChars(bytes.WrittenSpan, text);
        }
    }
}
