using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The keys of <c>method: physical</c>.</summary>
internal sealed partial record PhysicalOptions
{
    private const string StandardSlot = "nexus_backup";
    private const string StandardLimit = "16GB";

    /// <summary>The live cluster's data directory on this machine; null: not said, and then nothing is restored over it.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>The replication slot that keeps the WAL on the server until a backup has it.</summary>
    public string Slot { get; init; } = StandardSlot;

    /// <summary>Bytes of WAL that the slot may have the server keep; beyond them the agent drops it.</summary>
    public long SlotLimit { get; init; } = ParseSize(StandardLimit);

    public static IReadOnlyList<string> Keys => ["dataDirectory", "slot", "slotLimit"];

    /// <summary>The tools that it runs.</summary>
    public static IReadOnlyList<(string Program, ToolFit Fit)> Needed => [("pg_basebackup", ToolFit.Same), ("pg_receivewal", ToolFit.Same), ("postgres", ToolFit.Same)];

    /// <param name="isUsed">Whether the source's method is this one; its keys are read all the same.</param>
    public static PhysicalOptions Bind(Section source, string baseDirectory, bool isUsed)
    {
        var options = new PhysicalOptions
        {
            DataDirectory = source.Find("dataDirectory")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/var/lib/postgresql/15/main"),
            Slot = source.Find("slot")?.Parse(ParseSlot, StandardSlot, StandardSlot) ?? StandardSlot,
            SlotLimit = source.Find("slotLimit")?.Parse(ParseSize, ParseSize(StandardLimit), StandardLimit) ?? ParseSize(StandardLimit),
        };
        foreach (var field in isUsed ? [] : Keys.Select(source.Find).OfType<Field>())
            field.Error("has a meaning for method: physical alone", "remove it, or write method: physical");
        return options;
    }

    public static IBackupSource Open(PhysicalOptions options, string name, PostgresServer server, PostgresTools tools, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) =>
        new PhysicalSource(server, tools, options, scratch, timeProvider) { Received = scratch.Lasting is { } lasting ? new ReceivedWal(Path.Combine(lasting, name)) : null };

    private static string ParseSlot(string text) => SlotName().IsMatch(text)
        ? text
        : throw new WrongTextException("is no name of a replication slot", string.Create(CultureInfo.InvariantCulture, $"write lower-case letters, digits and _, for example {StandardSlot}"));

    /// <summary>As PostgreSQL writes sizes.</summary>
    private static long ParseSize(string text) => Size().Match(text) is { Success: true } match
        ? long.Parse(match.Groups["number"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) << (match.Groups["unit"].Value switch { "MB" => 20, "GB" => 30, _ => 40 })
        : throw new WrongTextException("is no size", $"write a whole number with MB, GB or TB, for example {StandardLimit}");

    [GeneratedRegex(@"^(?<number>[1-9][0-9]{0,5})(?<unit>[MGT]B)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Size();

    [GeneratedRegex(@"^[a-z0-9_]{1,63}\z")]
    private static partial Regex SlotName();
}
