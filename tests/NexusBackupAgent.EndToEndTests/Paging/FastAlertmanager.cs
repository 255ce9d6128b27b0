using System.Text.RegularExpressions;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// The shipped Alertmanager example, made to talk to this machine and in a hurry: groups wait a second, and the heartbeat
/// comes each second. Routes, inhibition, receivers and templates stay as they are, but each receiver
/// that has no webhook gets one as well, so that a test sees what it was sent.
/// </summary>
internal static partial class FastAlertmanager
{
    /// <param name="inbox">What takes webhooks and chat messages.</param>
    /// <param name="mail">host:port of what takes mail.</param>
    public static string Configuration(Uri inbox, string mail)
    {
        var text = File.ReadAllText(ShippedFiles.Alertmanager)
            .Replace("- templates/nexus-backup.tmpl", $"- {ShippedFiles.Templates}", StringComparison.Ordinal);
        text = Wait().Replace(text, "$1: 1s");
        text = Heartbeat().Replace(text, "repeat_interval: 1s");
        text = MailServer().Replace(text, $"smtp_smarthost: {mail}\n  smtp_require_tls: false");
        var receivers = text.IndexOf("\nreceivers:\n", StringComparison.Ordinal);
        return text[..receivers] + Receiver().Replace(text[receivers..], receiver => Local(receiver, inbox));
    }

    private static string Local(Match receiver, Uri inbox)
    {
        var name = receiver.Groups["name"].Value;
        var text = WebAddress().Replace(receiver.Value, address => $"{address.Groups["key"].Value}: {inbox}{address.Groups["key"].Value}/{name}");
        return text.Contains("webhook_configs:", StringComparison.Ordinal) ? text : $"{text.TrimEnd('\n')}\n  webhook_configs:\n  - url: {inbox}url/{name}\n";
    }

    [GeneratedRegex(@"\b(group_wait|group_interval): \d+[smh]")]
    private static partial Regex Wait();

    [GeneratedRegex(@"\brepeat_interval: 50s\b")]
    private static partial Regex Heartbeat();

    [GeneratedRegex(@"\bsmtp_smarthost: .*")]
    private static partial Regex MailServer();

    [GeneratedRegex(@"^- name: (?<name>[\w-]+)\n(?:[ #].*\n)*", RegexOptions.Multiline)]
    private static partial Regex Receiver();

    [GeneratedRegex(@"\b(?<key>url|api_url): https://.*")]
    private static partial Regex WebAddress();
}
