using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Service;

/// <summary>A real Prometheus scrapes the agent over TLS, and signs in.</summary>
public sealed class SecureScrapeTests : IDisposable
{
    private const string Password = "correct horse battery";

    private readonly string home = Directory.CreateTempSubdirectory("nexus-backup-secure-").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    [SkippableTheory]
    [InlineData("bearer")]
    [InlineData("basic")]
    public async Task Prometheus_scrapes_with_what_the_configuration_asks_for_and_not_without(string kind)
    {
        Require.Tool("prometheus", "prometheus");
        Directory.CreateDirectory(In("backups"));
        await AgentAsync("certificate", "--to", home, "--name", "127.0.0.1");
        var made = (await AgentAsync("hash-password", "--token")).Trim().Split('\n');
        await File.WriteAllTextAsync(In("token"), made[0]);
        await File.WriteAllTextAsync(In("password"), Password);
        var hash = (await Tool.RunAsync("bash", ["-c", "\"$0\" hash-password <<< \"$1\"", AgentProgram.Path, Password])).Output.Trim();
        var address = $"127.0.0.1:{ServerProcess.FreePort()}";
        await File.WriteAllTextAsync(In("nexus-backup.yml"), $$"""
            listen: https://{{address}}
            certificate: {certificate: cert.pem, key: key.pem}
            metrics:
              auth:
                {{(kind == "bearer" ? $"bearer: \"{made[1]}\"" : $"basic: {{user: prometheus, password: \"{hash}\"}}")}}
            stores: {local: {path: backups} }
            sources: {itsm: {sqlite: itsm.db} }

            """);

        await using var agent = ServerProcess.Start(AgentProgram.Path, Directory.CreateDirectory(In("agent")).FullName, ["run", "--config", In("nexus-backup.yml")]);
        var login = kind == "bearer" ? $"authorization: {{credentials_file: {In("token")}}}" : $"basic_auth: {{username: prometheus, password_file: {In("password")}}}";
        await using var prometheus = await PrometheusServer.StartConfiguredAsync(
            $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
            - job_name: signs-in
              scheme: https
              tls_config: {ca_file: {{In("cert.pem")}}}
              {{login}}
              static_configs: [{targets: ["{{address}}"]}]
            - job_name: does-not
              scheme: https
              tls_config: {ca_file: {{In("cert.pem")}}}
              static_configs: [{targets: ["{{address}}"]}]
            """,
            readyWhen: "up{job=\"signs-in\"} == 1");

        await prometheus.WaitForAsync("nexus_backup_source_info{job=\"signs-in\",source=\"itsm\"} == 1");
        await prometheus.WaitForAsync("up{job=\"does-not\"} == 0");
        Assert.Empty(await prometheus.QueryAsync("nexus_backup_source_info{job=\"does-not\"}"));
    }

    private string In(string file) => Path.Combine(home, file);

    private static async Task<string> AgentAsync(params string[] arguments)
    {
        var result = await Tool.RunAsync(AgentProgram.Path, arguments);
        Assert.True(result.ExitCode == 0, result.Text);
        return result.Output;
    }
}
