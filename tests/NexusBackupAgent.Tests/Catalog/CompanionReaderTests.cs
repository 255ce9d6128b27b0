using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

public sealed class CompanionReaderTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task A_part_of_a_file_is_a_failure_to_read_it_and_no_damage()
    {
        const string Whole = """{"id": "x"}""";
        var reader = new CompanionReader<VerificationResult>(
            new SourceDirectory(new LocalDirectoryStore("local", temp.Path), "", CatalogUse.Formats), CatalogJson.Readable.VerificationResult, CatalogJson.Strict.VerificationResult);
        await File.WriteAllTextAsync(temp["a"], Whole[..5]);

        var part = await reader.ReadAsync(new StoredFile("a", Whole.Length, Some.Instant), CancellationToken.None);
        Assert.Equal((null, null, FailureKind.Io), (part.Value, part.Damage, part.Failure?.Kind));
        Assert.Contains("of its 11 bytes 5 came", part.Failure!.Message, StringComparison.Ordinal);

        var all = await reader.ReadAsync(new StoredFile("a", 5, Some.Instant), CancellationToken.None);
        Assert.Equal((null, null), (all.Value, all.Failure));
        Assert.NotNull(all.Damage);
    }
}
