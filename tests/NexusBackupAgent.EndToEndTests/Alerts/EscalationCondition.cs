using System.Globalization;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>A source, its store and its agent at one instant, in words that both the code and the rules can be asked about.</summary>
/// <param name="Age">Hours of the newest good backup; null: none.</param>
/// <param name="Added">Hours since the source was added; null: long ago.</param>
/// <param name="SetAside">Hours since a corrupt one was set aside; null: none.</param>
/// <param name="IsByHand">Whether somebody did that without any check.</param>
/// <param name="Restore">Hours since a restore over the live database failed; null: none did.</param>
/// <param name="Run">Hours of the run in flight; null: none.</param>
/// <param name="Late">Minutes since all changes were received; null: it has no stream.</param>
/// <param name="Kept">Of the limit of what the source keeps because it was not received.</param>
/// <param name="Gap">Hours since a gap was found; null: none was.</param>
/// <param name="Copied">Hours of the newest copy in a further store; null: it has none.</param>
/// <param name="IsStoreUp">Whether the store can be used. If not, the agent was restarted without it, at half time, and does not know the backups.</param>
/// <param name="IsStoreKnown">Whether Prometheus saw them before that.</param>
internal sealed record EscalationCondition(
    string Name,
    double? Age,
    int Good,
    int Corrupt = 0,
    int? SetAside = null,
    bool IsByHand = false,
    double? Restore = null,
    bool IsFromFuture = false,
    double? Run = null,
    int Failures = 0,
    int Overdue = 0,
    double Disk = 0.1,
    bool IsLate = false,
    bool IsStoreUp = true,
    bool IsStoreKnown = true,
    bool IsAgentUp = true,
    bool IsStuck = false,
    double? Added = null,
    bool HasSucceeded = false,
    bool HasDrillFailed = false,
    bool HasSelfTestFailed = false,
    double? Late = null,
    double Kept = 0,
    double? Gap = null,
    double? Copied = null)
{
    private const string Source = "job=\"nexus-backup\",instance=\"a\",source=\"itsm\"";

    /// <summary>Later than every "for" of the rules; and the thresholds of age are data, so that a day and a bit is enough.</summary>
    public const int Hours = 28;

    /// <summary>Hours of age beyond which a backup is L1.</summary>
    public const double Warning = 5;

    /// <summary>Hours of age beyond which it is L2.</summary>
    public const double Critical = 10;

    /// <summary>The instant.</summary>
    public static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddHours(Hours);

    /// <summary>When the source was added.</summary>
    public DateTimeOffset AddedAt => Added is { } ago ? Now.AddHours(-ago) : DateTimeOffset.UnixEpoch.AddMinutes(1);

    /// <summary>What an agent in this condition exports: name with labels, and values every four minutes.</summary>
    public IEnumerable<(string Name, string Values)> Series()
    {
        foreach (var (name, value) in Constants())
            yield return (name, $"{value.ToString(CultureInfo.InvariantCulture)}x430");
        foreach (var (name, value) in OfBackups())
            yield return (name, IsStoreUp ? $"{value.ToString(CultureInfo.InvariantCulture)}x430" : IsStoreKnown ? $"{value.ToString(CultureInfo.InvariantCulture)}x215 stale" : "_x430");

        yield return ("time_seconds{job=\"nexus-backup\",instance=\"a\"}", "0+240x430");

        // 15 samples an hour; 0 until it was set aside.
        const string Aside = "backups{job=\"nexus-backup\",instance=\"a\",source=\"itsm\",schedule=\"daily\",state=\"quarantined\"}";
        if (IsStoreUp)
            yield return (Aside, SetAside is { } ago ? $"0x{((Hours - ago) * 15) - 1} 1x430" : "0x430");
    }

    /// <summary>What the agent reads in the store.</summary>
    private IEnumerable<(string Name, double Value)> OfBackups()
    {
        yield return ($"last_success_timestamp_seconds{{{Source}}}", Age is { } age ? Now.ToUnixTimeSeconds() - (age * 3600) : 0);
        yield return ($"backups{{{Source},schedule=\"daily\",state=\"good\"}}", Good);
        yield return ($"backups{{{Source},schedule=\"daily\",state=\"corrupt\"}}", Corrupt);
        yield return ($"overdue_backups{{{Source}}}", Overdue);
        yield return ($"future_backups{{{Source}}}", IsFromFuture ? 1 : 0);
    }

    private IEnumerable<(string Name, double Value)> Constants()
    {
        var now = (double)Now.ToUnixTimeSeconds();
        yield return ($"source_info{{{Source},kind=\"sqlite\",store=\"local\"}}", 1);
        yield return ($"source_added_timestamp_seconds{{{Source}}}", AddedAt.ToUnixTimeSeconds());
        yield return ($"runs_total{{{Source},schedule=\"daily\",result=\"success\"}}", HasSucceeded ? 1 : 0);
        yield return ($"rpo_seconds{{{Source},threshold=\"warning\"}}", Warning * 3600);
        yield return ($"rpo_seconds{{{Source},threshold=\"critical\"}}", Critical * 3600);
        yield return ($"rpo_seconds{{{Source},threshold=\"emergency\"}}", (Critical + 2) * 3600);
        yield return ($"consecutive_failures{{{Source}}}", Failures);
        yield return ($"run_start_timestamp_seconds{{{Source}}}", this is { IsAgentUp: true, Run: { } run } ? now - (run * 3600) : 0);
        yield return ($"next_run_timestamp_seconds{{{Source},schedule=\"daily\"}}", IsLate ? now - 7200 : now + 3600);
        yield return ($"last_drill_timestamp_seconds{{{Source}}}", now - 7200);
        yield return ($"last_drill_success{{{Source}}}", HasDrillFailed ? 0 : 1);
        yield return ($"last_restore_timestamp_seconds{{{Source}}}", Restore is { } restore ? now - (restore * 3600) : 0);
        if (Restore is not null)
            yield return ($"last_restore_success{{{Source}}}", 0);
        if (Late is { } late)
        {
            yield return ($"stream_last_received_timestamp_seconds{{{Source}}}", now - (late * 60));
            yield return ($"stream_lag_bytes{{{Source}}}", Kept * 1000);
            yield return ($"stream_limit_bytes{{{Source}}}", 1000);
            yield return ($"stream_last_gap_timestamp_seconds{{{Source}}}", Gap is { } gap ? now - (gap * 3600) : 0);
        }

        if (Copied is { } copied)
            yield return ($"store_owed_since_timestamp_seconds{{{Source},store=\"offsite\"}}", copied > Age ? now - ((copied - 1) * 3600) : 0); // its backups are an hour apart

        yield return ("last_self_test_timestamp_seconds{job=\"nexus-backup\",instance=\"a\"}", now - 7200);
        yield return ("self_test_success{job=\"nexus-backup\",instance=\"a\"}", HasSelfTestFailed ? 0 : 1);
        yield return ("disk_used_ratio{job=\"nexus-backup\",instance=\"a\",store=\"local\"}", Disk);
        yield return ("store_up{job=\"nexus-backup\",instance=\"a\",store=\"local\"}", IsStoreUp ? 1 : 0);
        yield return ("scheduler_heartbeat_timestamp_seconds{job=\"nexus-backup\",instance=\"a\"}", IsStuck ? now - 7200 : now);
    }
}
