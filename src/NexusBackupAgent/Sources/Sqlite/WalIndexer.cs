using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Notes the pages that an increment holds.</summary>
internal sealed class WalIndexer : PageIndexer
{
    private readonly PageIndexDraft index;
    private readonly WalReader reader;
    private int pageSize;

    public WalIndexer(PageIndexDraft index, Stream passOn)
        : base(passOn)
    {
        this.index = index;
        reader = new WalReader(size => pageSize = size, frame => index.Add(frame.Page, PageHash.Of(frame.Content.Span)));
    }

    public override void Complete() => index.Complete(pageSize, reader.Complete());

    protected override void Read(ReadOnlySpan<byte> content) => reader.Read(content);
}
