using NexusBackupAgent.Common;
using NexusBackupAgent.EndToEndTests.Alerts;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>What people read, rendered by Alertmanager's own tool and compared with what was read and found good.</summary>
public sealed class TemplatesTests
{
    /// <summary>
    /// One alert; several of a host, of which one is over; an agent's; one without any good backup; two of rules from before the
    /// alerts carried the form; one that is over; several that are.
    /// </summary>
    public static TheoryData<string, string, string> Texts
    {
        get
        {
            var texts = new TheoryData<string, string, string>();
            foreach (var data in Golden.Samples)
            {
                foreach (var language in (string[])["ja", "en"])
                {
                    foreach (var kind in (string[])["subject", "title", "chat", "report"])
                        texts.Add(data, language, kind);
                }
            }

            return texts;
        }
    }

    /// <summary>To accept new texts: NEXUS_BACKUP_ACCEPT=1, and read what changed.</summary>
    [SkippableTheory]
    [MemberData(nameof(Texts))]
    public async Task Each_text_is_as_it_was_accepted(string data, string language, string kind)
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        var expected = Golden.Path($"{data}.{language}.{kind}.txt");

        var text = await Amtool.RenderAsync(Golden.Path(data + ".json"), $"nexus-backup.{language}.{kind}");

        if (Environment.GetEnvironmentVariable("NEXUS_BACKUP_ACCEPT") == "1")
            await File.WriteAllTextAsync(expected, text);
        Assert.Equal(await File.ReadAllTextAsync(expected), text);
    }

    /// <summary>One test, because each text starts amtool; a failure lists every alert that is called something else.</summary>
    [SkippableFact]
    public async Task Each_alert_of_the_rules_has_a_kind_that_the_report_knows()
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        var alerts = RuleFile.Alerts.Where(rule => rule.Level.Length > 0).Select(rule => rule.Alert!).Distinct().ToList();
        var called = new List<string>();
        foreach (var alert in alerts)
        {
            foreach (var (language, code) in ((Language, string)[])[(Language.Japanese, "ja"), (Language.English, "en")])
            {
                if (await KindOfAsync(alert, code) is var kind && kind != NameOf(alert).In(language))
                    called.Add($"{alert}: {kind}");
            }
        }

        Assert.Empty(called);
    }

    /// <summary>The report can tell backups that were lost from those that were never made; an alert can't.</summary>
    private static Bilingual NameOf(string alert) =>
        alert == "NexusBackupNone" ? new("other (no good backup)", "その他（正常バックアップなし）") : IncidentReport.NameOf(KindOf(alert));

    /// <summary>As <see cref="IncidentReader"/> decides from the same causes.</summary>
    private static IncidentKind KindOf(string alert) => alert["NexusBackup".Length..] switch
    {
        "Failed" or "Stale" or "ScheduleOverdue" or "RunStuck" or "Missing" => IncidentKind.NotRun,
        "Corrupt" or "AllCorrupt" => IncidentKind.Corrupt,
        "StorageFull" => IncidentKind.Disk,
        "RetentionOverdue" => IncidentKind.Retention,
        "RestoreFailed" => IncidentKind.Restore,
        "DrillFailed" => IncidentKind.Drill,
        "AgentDown" or "SchedulerStuck" or "NothingProtected" => IncidentKind.Agent,
        _ => IncidentKind.Other,
    };

    private static Task<string> KindOfAsync(string alert, string language) =>
        Amtool.RenderTextAsync($$$"""{"alerts": [{"status": "firing", "labels": {"alertname": "{{{alert}}}"}}]}""", $"nexus-backup.{language}.kinds", ".Alerts");
}
