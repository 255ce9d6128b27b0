using System.CommandLine;
using System.Globalization;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup rules</c>: the alert rules that the product ships, for an installation.</summary>
internal static class RulesCommand
{
    public static Command Create(CommandContext context)
    {
        var job = Option("--job", "NAME", context.Say("The scrape job as Prometheus calls it; of node_exporter's textfile, node_exporter's. Default: nexus-backup", "Prometheusのスクレイプジョブ名。textfileの場合はnode_exporterのジョブ名。既定: nexus-backup"), AlertRules.CheckJob);
        var zone = Option("--time-zone", "ZONE", context.Say("Of the times in alerts; one that has daylight saving is written as UTC. Default: Asia/Tokyo", "アラート内の時刻のタイムゾーン。夏時間のあるものはUTCで表記。既定: Asia/Tokyo"), text => ZoneText.Parse(text), ZoneText.Teaching);
        var runbook = Option("--runbook-url", "URL", context.Say("Your copy of docs/runbook.md; its sections keep their names", "docs/runbook.md の写しのURL（見出しのアンカーは同じもの）"), AlertRules.CheckLink);
        var dashboard = Option("--dashboard-url", "URL", context.Say("Your Grafana's address", "GrafanaのURL"), AlertRules.CheckLink);
        var command = new TaughtCommand(
            "rules",
            context.Say("Print the alert rules for Prometheus, with your scrape job, time zone and links. Without options they are those that ship in alerts/.", "Prometheus用のアラートルールを、スクレイプジョブ・タイムゾーン・リンクを差し替えて出力する。オプションなしでは alerts/ の同梱ファイルと同一。"),
            new("nexus-backup rules --dashboard-url https://grafana.example.com > nexus-backup.rules.yml"),
            new("nexus-backup rules --job node", context.Say("for metrics that node_exporter serves", "node_exporterで公開するメトリクス向け")))
        {
            job, zone, runbook, dashboard,
        };
        command.SetAction(parsed =>
        {
            context.Terminal.Output.Write(AlertRules.For(
                parsed.GetValue(job), parsed.GetValue(zone) is { } id ? ZoneText.Parse(id) : null, parsed.GetValue(runbook), parsed.GetValue(dashboard), context.TimeProvider.GetUtcNow()));
            return (int)ExitCode.Done;
        });
        return command;
    }

    /// <param name="check">Throws <see cref="FormatException"/> when the text is none.</param>
    private static Option<string?> Option(string name, string help, string description, Action<string> check, string? teaching = null)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = help };
        option.Validators.Add(result =>
        {
            if (result.Tokens is not [{ Value: var text }])
                return;
            try
            {
                check(text);
            }
            catch (FormatException wrong)
            {
                result.AddError($"{name} {text}: {wrong.Message}{(teaching is null ? "" : $"; {teaching}")}");
            }
        });
        return option;
    }
}

/// <summary>The rules as they ship, embedded; four values in them are an installation's own.</summary>
internal static class AlertRules
{
    private const string Resource = "nexus-backup.rules.yml";
    private const string ShippedJob = "job=\"nexus-backup\"";
    private const string ShippedZone = ".Add 32400000000000).Format \"2006-01-02 15:04\" }} JST";
    private const string ShippedRunbook = "https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/runbook.md";
    private const string ShippedGrafana = "https://grafana.example.org";

    private const int NanosecondsPerTick = 100;

    /// <summary>For how long a zone has to keep its offset, so that its times can be written by adding it.</summary>
    private const int MonthsAhead = 120;

    /// <param name="job">Null, as the others: as it ships.</param>
    /// <param name="now">From when on the zone's offset counts, UTC.</param>
    public static string For(string? job, TimeZoneInfo? zone, string? runbook, string? dashboard, DateTimeOffset now)
    {
        var rules = Shipped();
        if (zone is not null)
            rules = rules.Replace(ShippedZone, ZoneOf(zone, now), StringComparison.Ordinal);
        if (runbook is not null)
            rules = rules.Replace(ShippedRunbook, LinkOf(runbook), StringComparison.Ordinal);
        if (dashboard is not null)
            rules = rules.Replace(ShippedGrafana, LinkOf(dashboard), StringComparison.Ordinal);
        // Last: a job may have any name.
        return job is null ? rules : rules.Replace(ShippedJob, $"job={Quoted(job)}", StringComparison.Ordinal);
    }

    /// <exception cref="FormatException">No job has such a name.</exception>
    public static void CheckJob(string name)
    {
        if (name.Length == 0 || NameText.HasControlCharacter(name))
            throw new FormatException("is no name of a scrape job; write what scrape_configs calls job_name");
    }

    /// <exception cref="FormatException">It is no address that something can be added to.</exception>
    public static void CheckLink(string url) => LinkOf(url);

    private static string Shipped()
    {
        using var stream = typeof(AlertRules).Assembly.GetManifestResourceStream(Resource) ?? throw new InvalidOperationException($"{Resource} is not part of this build");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>A string of PromQL; where it stands, YAML takes every printable character as it is.</summary>
    private static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    /// <summary>Prometheus's templates know no zones: its times are those of UTC with the offset added. Daylight saving can't be added, so such a zone's times are UTC's.</summary>
    private static string ZoneOf(TimeZoneInfo zone, DateTimeOffset now)
    {
        if (zone.Id == "Asia/Tokyo")
            return ShippedZone;
        var offset = zone.GetUtcOffset(now);
        var isFixed = Enumerable.Range(0, MonthsAhead).All(months => zone.GetUtcOffset(now.AddMonths(months)) == offset);
        if (!isFixed || offset == TimeSpan.Zero)
            return ".UTC).Format \"2006-01-02 15:04\" }} UTC";
        var sign = offset < TimeSpan.Zero ? '-' : '+';
        return string.Create(CultureInfo.InvariantCulture, $".Add {offset.Ticks * NanosecondsPerTick}).Format \"2006-01-02 15:04\" }}}} {sign}{offset:hh\\:mm}");
    }

    private static string LinkOf(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var link) && link.Scheme is "https" or "http" && link is { Query: "", Fragment: "", UserInfo: "" } && link.Host.Length > 0
            ? link.AbsoluteUri.TrimEnd('/')
            : throw new FormatException("is no address that links can begin with; write it as https://…, without ? and #");
}
