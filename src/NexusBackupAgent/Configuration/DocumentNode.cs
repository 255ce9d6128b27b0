namespace NexusBackupAgent.Configuration;

/// <summary>A node of the YAML file.</summary>
/// <param name="Line">The 1-based line that it starts on.</param>
internal abstract record DocumentNode(int Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Text">As YAML reads it, quotes removed.</param>
/// <param name="IsNull">Nothing was written, or an unquoted <c>null</c> or <c>~</c>.</param>
internal sealed record ScalarNode(int Line, string Text, bool IsNull) : DocumentNode(Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Items">In order.</param>
internal sealed record ListNode(int Line, IReadOnlyList<DocumentNode> Items) : DocumentNode(Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Entries">In order; a key may occur twice, which YAML forbids and the reader reports.</param>
internal sealed record MappingNode(int Line, IReadOnlyList<MappingEntry> Entries) : DocumentNode(Line);

/// <param name="Key">The key's text.</param>
/// <param name="Line">The key's 1-based line.</param>
/// <param name="Value">What it maps to.</param>
internal sealed record MappingEntry(string Key, int Line, DocumentNode Value);
