using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using NexusBackupAgent.Access;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>https, with a certificate that the agent made itself, and the runbook's own commands against it.</summary>
public sealed partial class TlsTests : IDisposable
{
    private const string Secure = "certificate: {certificate: cert.pem, key: key.pem}\n";

    private readonly TempDirectory home = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public TlsTests() => home.Sub("backups");

    public void Dispose() => home.Dispose();

    [SkippableFact]
    public async Task The_runbooks_lines_work_as_they_are_written()
    {
        Need.Tool("curl");
        Need.Tool("jq");
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await MakeCertificateAsync();
        await using var service = await StartAsync(ApiService.Access.Replace("anna:", "admin:", StringComparison.Ordinal).Replace("  admin: {token", "  boss: {token", StringComparison.Ordinal) + Secure + "stores: {local: {path: backups}}\nsources: {itsm: {sqlite: itsm.db, directory: .}}\n");
        // Only where port 6443 of localhost leads to is said here.
        await File.WriteAllTextAsync(home[".curlrc"], $"connect-to = localhost:6443:127.0.0.1:{service.Http.BaseAddress!.Port}\n");
        var blocks = await ExcerptAsync();

        var login = await BashAsync(blocks[1]); // logs in, and backs up
        await MadeAsync(1);
        var token = await BashAsync(blocks[1].Split("\n\n")[0] + "\necho \"$TOKEN\"");
        var again = await BashAsync($"TOKEN={token.Trim()}\n{blocks[0]}");
        await MadeAsync(2);
        var health = await BashAsync(blocks[2]);
        var last = await BashAsync($"TOKEN={token.Trim()}\n{blocks[3]}");
        await MadeAsync(3);

        Assert.Equal(3, token.Split('.').Length);
        Assert.All([login, again, last], answer => Assert.Contains("\"source\": \"itsm\"", answer, StringComparison.Ordinal));
        Assert.Contains("\"status\": \"ok\"", health, StringComparison.Ordinal);

        Task MadeAsync(int count) => Eventually.TrueAsync(
            async () => (await service.Http.GetStringAsync("metrics")).Contains($"nexus_backup_runs_total{{source=\"itsm\",schedule=\"manual\",result=\"success\"}} {count}\n", StringComparison.Ordinal), $"{count} backups");
    }

    [SkippableFact]
    public async Task The_lines_are_all_that_the_runbook_has_for_the_API()
    {
        var runbook = RepositoryFile.Find("../shared/runbook/RB-BKP-001.ja.md");
        Skip.IfNot(File.Exists(runbook), "the runbook does not lie beside the project");

        var commands = Curl().Matches(await File.ReadAllTextAsync(runbook)).Select(command => command.Value).Distinct();

        Assert.Equal(commands.Order(StringComparer.Ordinal), (await ExcerptAsync()).SelectMany(block => Curl().Matches(block)).Select(command => command.Value).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_key_is_for_its_owner_alone_and_nothing_is_replaced_unasked()
    {
        var made = await MakeCertificateAsync();
        var key = await File.ReadAllTextAsync(home["key.pem"]);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(home["key.pem"]));
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(home["cert.pem"]);
        Assert.Contains(ServerCertificate.FingerprintOf(certificate), made.Output, StringComparison.Ordinal);
        Assert.True(certificate.MatchesHostname("backup.example.com"));
        Assert.True(certificate.MatchesHostname("127.0.0.1"));
        var refused = await RunAsync("certificate", "--to", home.Path);
        Assert.Equal(2, refused.Code);
        Assert.Equal(key, await File.ReadAllTextAsync(home["key.pem"]));
        Assert.Equal(0, (await RunAsync("certificate", "--to", home.Path, "--force")).Code);
        Assert.NotEqual(key, await File.ReadAllTextAsync(home["key.pem"]));
    }

    [Fact]
    public async Task A_new_certificate_is_served_at_once_and_a_broken_one_never()
    {
        await MakeCertificateAsync();
        await using var service = await StartAsync(Secure + ApiService.Sources);
        var first = await FingerprintAsync(service);

        Assert.Equal(0, (await RunAsync("certificate", "--to", home.Path, "--force")).Code);
        await Eventually.TrueAsync(async () => await FingerprintAsync(service) != first, "the new certificate");
        var second = await FingerprintAsync(service);
        await File.WriteAllTextAsync(home["cert.pem"], "no certificate");

        Assert.Equal(second, await FingerprintAsync(service));
    }

    [Theory]
#pragma warning disable CA5397, SYSLIB0039 // that they are refused is what is tested
    [InlineData(SslProtocols.Tls, false)]
    [InlineData(SslProtocols.Tls11, false)]
#pragma warning restore CA5397, SYSLIB0039
#pragma warning disable CA5398 // each by itself
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls13, true)]
#pragma warning restore CA5398
    public async Task TLS_is_1_2_or_1_3(SslProtocols protocol, bool isTaken)
    {
        await MakeCertificateAsync();
        await using var service = await StartAsync(Secure + ApiService.Sources);

        Assert.Equal(isTaken, await HandshakeAsync(service, protocol) is not null);
    }

    [Fact]
    public async Task A_cookie_of_https_is_sent_over_https_only()
    {
        await MakeCertificateAsync();
        await using var service = await StartAsync(ApiService.Access + Secure + ApiService.Sources);

        using var login = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json($$"""{"username":"vera","password":"{{ApiService.Password}}","session":true}"""));

        Assert.Contains("; secure; samesite=strict; httponly", login.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_config_knows_an_expired_certificate_and_an_open_key()
    {
        await File.WriteAllTextAsync(home["nexus-backup.yml"], "listen: https://127.0.0.1:6443\n" + Secure + ApiService.Sources);
        Assert.Contains("nexus-backup certificate", (await RunAsync("check-config")).Output, StringComparison.Ordinal); // there is none

        await MakeCertificateAsync();
        Assert.DoesNotContain("certificate", (await RunAsync("check-config")).Output, StringComparison.Ordinal);
        File.SetUnixFileMode(home["key.pem"], UnixFileMode.UserRead | UnixFileMode.OtherRead);
        clock.SetWallClock(clock.GetUtcNow() + TimeSpan.FromDays(380));
        var soon = await RunAsync("check-config");
        clock.SetWallClock(clock.GetUtcNow() + TimeSpan.FromDays(20));
        var late = await RunAsync("check-config");

        Assert.Contains("other users may read the key", soon.Output, StringComparison.Ordinal);
        Assert.Contains("the certificate expires on ", soon.Output, StringComparison.Ordinal);
        Assert.Contains("the certificate expired on ", late.Output, StringComparison.Ordinal);
        Assert.Equal(2, late.Code);
    }

    [Theory]
    [InlineData("correct horse battery\n", 0)]
    [InlineData("", 2)]
    [InlineData("short\n", 2)]
    public async Task A_password_is_hashed_from_a_line_of_the_input(string input, int code)
    {
        var result = await RunAsync(new StringReader(input), "hash-password");

        Assert.Equal(code, result.Code);
        if (code == 0)
            Assert.True(PasswordHash.Parse(result.Output.Trim()).Matches("correct horse battery"));
    }

    [Fact]
    public async Task A_token_is_made_with_its_hash()
    {
        var lines = (await RunAsync("hash-password", "--token")).Output.Trim().Split('\n');

        Assert.True(TokenHash.Parse(lines[1]).Matches(lines[0]));
        Assert.False(TokenHash.Parse(lines[1]).Matches(lines[0] + "x"));
    }

    private static async Task<List<string>> ExcerptAsync() =>
        [.. (await File.ReadAllTextAsync(RepositoryFile.Find("tests/NexusBackupAgent.Tests/Http/RB-BKP-001.ja.excerpt.md"))).Split("```bash\n")[1..].Select(block => block.Split("```")[0])];

    /// <summary>A command with the lines that it goes on in.</summary>
    [GeneratedRegex(@"(TOKEN=\$\()?curl [^\n]*(\\\n[^\n]*)*(?<!\\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Curl();

    private Task<RunningService> StartAsync(string configuration) => RunningService.StartAsync(home, clock, configuration, scheme: "https");

    private async Task<(int Code, string Output)> MakeCertificateAsync()
    {
        var made = await RunAsync("certificate", "--to", home.Path, "--name", "127.0.0.1", "--name", "backup.example.com");
        Assert.Equal(0, made.Code);
        return made;
    }

    private Task<(int Code, string Output)> RunAsync(params string[] words) => RunAsync(TextReader.Null, words);

    private async Task<(int Code, string Output)> RunAsync(TextReader input, params string[] words)
    {
        using var output = new StringWriter();
        var context = new CommandContext(new Terminal(output, output, outputIsWatched: false, errorIsWatched: false), clock, home.Path) { Input = input };
        return (await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(words, CancellationToken.None), output.ToString());
    }

    private Task<string> BashAsync(string script) => Shell.RunAsync("bash", "-euo", "pipefail", "-c", $"export CURL_HOME='{home.Path}' ADMIN_PASSWORD='{ApiService.Password}'\n{script}");

    private static async Task<string> FingerprintAsync(RunningService service) => (await HandshakeAsync(service, SslProtocols.None))!;

    private static async Task<string?> HandshakeAsync(RunningService service, SslProtocols protocol)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Http.BaseAddress!.Host, service.Http.BaseAddress.Port);
        await using var secure = new SslStream(socket.GetStream());
        try
        {
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", EnabledSslProtocols = protocol, RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null });
            using var certificate = new X509Certificate2(secure.RemoteCertificate!);
            return ServerCertificate.FingerprintOf(certificate);
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return null;
        }
    }
}
