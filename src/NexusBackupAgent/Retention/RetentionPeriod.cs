namespace NexusBackupAgent.Retention;

/// <summary>How long backups of a schedule are kept: <c>7d</c>, <c>4w</c>, <c>12mo</c>, <c>1y</c>, <c>36h</c>, or for ever.</summary>
internal readonly record struct RetentionPeriod
{
    /// <summary>Kept until deleted by hand.</summary>
    public static RetentionPeriod Forever { get; }

    /// <exception cref="FormatException">The text is not a period; the message says what is.</exception>
    public static RetentionPeriod Parse(string text) => throw new NotSupportedException();
}
