using NexusBackupAgent.Common;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.Documents;

/// <summary>One source as <c>checklist --json</c> prints it.</summary>
/// <param name="Next">What follows once all passed; null: nothing.</param>
internal sealed record ChecklistDocument(string Source, bool Passed, IReadOnlyList<ChecklistItemDocument> Checks, string? Next)
{
    public static ChecklistDocument Of(string source, IReadOnlyList<CheckedItem> items, Bilingual? then, Language language) => new(
        source,
        items.All(item => item.Passed),
        [.. items.Select(item => new ChecklistItemDocument((int)item.Check, ChecklistTexts.Name(item.Check).In(language), item.Passed, item.Measured.In(language), item.Next))],
        items.All(item => item.Passed) ? then?.In(language) : null);
}

/// <param name="Number">1 to 7, as the runbook's §6 numbers them.</param>
/// <param name="Next">The next command; null when it passed.</param>
internal sealed record ChecklistItemDocument(int Number, string Check, bool Passed, string Measured, string? Next);
