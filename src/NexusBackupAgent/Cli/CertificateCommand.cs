using System.CommandLine;
using System.Globalization;
using System.Net;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup certificate [--name NAME…] [--days N] [--to DIR] [--force]</c>: makes a self-signed certificate.</summary>
internal static class CertificateCommand
{
    private const int UsualDays = 397;

    public static Command Create(CommandContext context)
    {
        var names = new Option<string[]>("--name") { Description = context.Say("A host name or address that the agent is called by; may be there several times. Default: this host's names, localhost, 127.0.0.1 and ::1", "エージェントを呼び出すホスト名またはアドレス。複数指定可。既定: このホストの名前、localhost、127.0.0.1、::1"), HelpName = "NAME" };
        var days = new Option<int>("--days") { Description = context.Say($"How long it is valid, 1 to {SelfSigned.MostDays}. Default: {UsualDays}", $"有効日数（1〜{SelfSigned.MostDays}）。既定: {UsualDays}"), HelpName = "DAYS", DefaultValueFactory = _ => UsualDays, CustomParser = given =>
        {
            if (int.TryParse(given.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= SelfSigned.MostDays)
                return count;
            given.AddError($"--days takes 1 to {SelfSigned.MostDays}, not '{given.Tokens[0].Value}'");
            return UsualDays;
        } };
        var to = new Option<string?>("--to") { Description = context.Say("The directory for cert.pem and key.pem. Default: where the configuration says, otherwise the working directory", "cert.pem と key.pem の作成先。既定: 設定の指定、なければ現在のディレクトリ"), HelpName = "DIR" };
        var force = new Option<bool>("--force") { Description = context.Say("Replace files that exist; a running agent takes the new ones at once", "既存のファイルを置き換える。稼働中のエージェントはただちに新しいものを使う") };
        var command = new TaughtCommand(
            "certificate",
            context.Say("Make a self-signed certificate for the agent's https, and print its fingerprint. The key is for its owner alone (0600).", "エージェントのhttps用の自己署名証明書を作成し、フィンガープリントを表示する。鍵は所有者のみ読める（0600）。"),
            new("nexus-backup certificate", context.Say("for this host's names", "このホストの名前で作成")),
            new("nexus-backup certificate --name backup.example.com --to /etc/nexus-backup"),
            new("nexus-backup certificate --force", context.Say("before the old one expires", "期限が切れる前に更新")))
        {
            names, days, to, force,
        };
        command.Acts = _ => true;
        command.SetAction(parsed =>
        {
            var (place, configured) = PlaceOf(context, parsed, parsed.GetValue(to));
            var hosts = parsed.GetValue(names) is { Length: > 0 } given ? given.Distinct(StringComparer.OrdinalIgnoreCase).ToList() : NamesOfHost();
            if (hosts.Find(host => !IPAddress.TryParse(host, out _) && Uri.CheckHostName(host) != UriHostNameType.Dns) is { } wrong)
                throw new BackupException(FailureKind.Configuration, $"--name '{wrong}' is neither a host name nor an address", "write for example backup.example.com or 192.0.2.1");
            using var certificate = SelfSigned.Make(hosts, parsed.GetValue(days), context.TimeProvider.GetUtcNow());
            SelfSigned.Write(certificate, place, parsed.GetValue(force));
            var terminal = context.Terminal;
            terminal.Line($"[green]✓[/] {Readable.Plain(place.Certificate)} and {Readable.Plain(place.Key)}: {Readable.Plain(string.Join(", ", hosts))}, until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}");
            terminal.Line($"SHA-256 {ServerCertificate.FingerprintOf(certificate)}");
            if (!configured)
                terminal.Line(Readable.Plain($"listen: https://localhost:6443\ncertificate: {{certificate: {place.Certificate}, key: {place.Key}}}"));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static (CertificateFiles Place, bool IsConfigured) PlaceOf(CommandContext context, ParseResult parsed, string? to)
    {
        if (to is not null)
            return (In(context.Resolve(to)), false);
        return Configured(context, parsed) is { } files ? (files, true) : (In(context.Resolve(".")), false);

        static CertificateFiles In(string directory) => new(Path.Combine(directory, "cert.pem"), Path.Combine(directory, "key.pem"));
    }

    /// <summary>Nothing has to be configured yet.</summary>
    private static CertificateFiles? Configured(CommandContext context, ParseResult parsed)
    {
        try
        {
            return context.ReadConfiguration(context.FindConfiguration(parsed)).Configuration?.Certificate;
        }
        catch (BackupException) when (parsed.GetValue(context.Config) is null)
        {
            return null;
        }
    }

    private static List<string> NamesOfHost()
    {
        var host = Dns.GetHostName();
        return [.. ((string[])[host, FullNameOf(host), "localhost", "127.0.0.1", "::1"]).Where(name => name.Length > 0 && (IPAddress.TryParse(name, out _) || Uri.CheckHostName(name) == UriHostNameType.Dns)).Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    private static string FullNameOf(string host)
    {
        try
        {
            return Dns.GetHostEntry(host).HostName;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return ""; // no resolver knows it
        }
    }
}
