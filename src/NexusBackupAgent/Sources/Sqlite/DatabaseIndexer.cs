using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Notes the pages of a whole database.</summary>
internal sealed class DatabaseIndexer(PageIndexDraft index, Stream passOn) : PageIndexer(passOn)
{
    private readonly StateFingerprint state = new();
    private byte[]? page;
    private int filled;
    private uint last;

    public override void Complete()
    {
        if (page is { Length: > 0 } && filled == 0)
            index.Complete(page.Length, last, state.Complete(page.Length));
    }

    protected override void Read(ReadOnlySpan<byte> content)
    {
        page ??= new byte[WalFormat.PageSizeOf(content)];
        if (page.Length == 0)
            return; // no database: verification says what is wrong with it
        while (!content.IsEmpty)
        {
            if (filled == 0 && content.Length >= page.Length)
            {
                Add(content[..page.Length]);
                content = content[page.Length..];
                continue;
            }

            var count = Math.Min(page.Length - filled, content.Length);
            content[..count].CopyTo(page.AsSpan(filled));
            content = content[count..];
            filled = (filled + count) % page.Length;
            if (filled == 0)
                Add(page);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            state.Dispose();
        base.Dispose(disposing);
    }

    private void Add(ReadOnlySpan<byte> whole)
    {
        var hash = PageHash.Of(whole);
        index.Add(++last, hash);
        state.Add(hash);
    }
}
