using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A cluster that speaks nothing but TLS on its port.</summary>
public sealed class TlsCluster : IDisposable
{
    public const string CertifiedRole = "certified";

    private readonly TempDirectory temp = new();

    public TlsCluster()
    {
        Cluster = new PostgresCluster();
        if (PostgresCluster.Binaries is null)
            return;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = Authority("the tests' authority", key);
        using var other = Authority("somebody else's authority", ECDsa.Create(ECCurve.NamedCurves.nistP256));
        File.WriteAllText(AuthorityFile, authority.ExportCertificatePem());
        File.WriteAllText(OtherAuthorityFile, other.ExportCertificatePem());
        Issue(authority, "localhost", Path.Combine(Cluster.Data, "server.crt"), Path.Combine(Cluster.Data, "server.key"));
        Issue(authority, CertifiedRole, ClientCertificate, ClientKey);
        if (Environment.IsPrivilegedProcess)
            File.SetUnixFileMode(Path.Combine(Cluster.Data, "server.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead); // as PostgreSQL wants it of root's
        if (Environment.IsPrivilegedProcess)
            Shell.RunAsync("chgrp", "65534", Path.Combine(Cluster.Data, "server.key")).GetAwaiter().GetResult();
        File.Copy(AuthorityFile, Path.Combine(Cluster.Data, "root.crt"));
        File.WriteAllText(Path.Combine(Cluster.Data, "pg_hba.conf"), $"local all all trust\nlocal replication all trust\nhostssl all {CertifiedRole} 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n");
        Cluster.Configure("ssl = on", "ssl_ca_file = 'root.crt'");
        Cluster.Stop();
        Cluster.Start();
        Cluster.Execute("postgres", $"CREATE ROLE {CertifiedRole} LOGIN SUPERUSER");
    }

    public PostgresCluster Cluster { get; }

    public string AuthorityFile => temp["authority.pem"];

    public string OtherAuthorityFile => temp["other.pem"];

    public string ClientCertificate => temp["client.pem"];

    public string ClientKey => temp["client.key"];

    public void Dispose()
    {
        Cluster.Dispose();
        temp.Dispose();
    }

    private static X509Certificate2 Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, Far);
    }

    private static void Issue(X509Certificate2 authority, string name, string certificateFile, string keyFile)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using var issued = request.Create(authority, DateTimeOffset.UnixEpoch, Far.AddDays(-1), [1, 2, 3, (byte)name.Length]);
        File.WriteAllText(certificateFile, issued.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(certificateFile, (UnixFileMode)Convert.ToInt32("644", 8));
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static DateTimeOffset Far { get; } = new(2090, 1, 1, 0, 0, 0, TimeSpan.Zero);
}

/// <summary>How the agent and the tools that it runs reach a server, and prove who they are.</summary>
public sealed class PostgresConnectionTests(TlsCluster tls) : IClassFixture<TlsCluster>
{
    private readonly PostgresCluster cluster = tls.Cluster;

    [SkippableFact]
    public async Task TLS_is_spoken_as_the_address_says_by_the_agent_and_by_its_tools()
    {
        using var bench = Bench();
        var (host, address) = (cluster.TcpUri(bench.Database).Replace("127.0.0.1", "localhost", StringComparison.Ordinal), cluster.TcpUri(bench.Database));
        foreach (var good in (string[])[$"{host}?sslmode=require", $"{address}?sslmode=verify-ca&sslrootcert={tls.AuthorityFile}", $"{host}?sslmode=verify-full&sslrootcert={tls.AuthorityFile}"])
        {
            bench.Configure(good, bench.PasswordKeys());
            await bench.DoAsync("backup");
        }

        await bench.AllAreGoodAsync(count: 3);

        using var whole = Bench();
        whole.Configure($"{host}?sslmode=verify-full&sslrootcert={tls.AuthorityFile}", $"{whole.Physical}\n    {whole.PasswordKeys()}");
        await whole.DoAsync("backup");
        await whole.DoAsync("backup", "--type", "incremental");
    }

    [SkippableFact]
    public async Task A_certificate_that_proves_nothing_is_refused_and_told_as_that()
    {
        using var bench = Bench();
        var (host, address) = (cluster.TcpUri(bench.Database).Replace("127.0.0.1", "localhost", StringComparison.Ordinal), cluster.TcpUri(bench.Database));
        foreach (var bad in (string[])[$"{host}?sslmode=verify-full&sslrootcert={tls.OtherAuthorityFile}", $"{address}?sslmode=verify-full&sslrootcert={tls.AuthorityFile}"])
        {
            bench.Configure(bad, bench.PasswordKeys());
            Assert.Contains("does not prove who it is", await bench.RefusedAsync(3), StringComparison.Ordinal);
            Assert.Contains("sslrootcert", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        }

        bench.Configure($"{address}?sslmode=disable", bench.PasswordKeys());
        Assert.Contains("no encryption", await bench.RefusedAsync(3), StringComparison.Ordinal);
        bench.Configure($"{host}?sslmode=verify-full&sslrootcert={bench.Place.In("none.pem")}", bench.PasswordKeys());
        Assert.Contains("none.pem", await bench.RefusedAsync(2), StringComparison.Ordinal);
        Assert.False(Directory.Exists(bench.Store) && Directory.EnumerateFiles(bench.Store).Any());
    }

    [SkippableFact]
    public async Task A_client_certificate_a_service_file_and_a_password_file_are_each_enough()
    {
        using var bench = Bench();
        bench.Configure($"{cluster.TcpUri(bench.Database, TlsCluster.CertifiedRole)}?sslmode=require&sslcert={tls.ClientCertificate}&sslkey={tls.ClientKey}");
        await bench.DoAsync("backup");

        var services = bench.Place.In("services");
        await File.WriteAllTextAsync(services, $"[shop]\nhost=127.0.0.1\nport={cluster.Port}\nuser=postgres\ndbname={bench.Database}\npassword={PostgresCluster.Password}\nsslmode=require\n");
        bench.Configure("postgresql:///?service=shop", $"serviceFile: {services}");
        await bench.DoAsync("backup");

        var passes = bench.Place.In("passes");
        await File.WriteAllTextAsync(passes, $"# of the tests\nelsewhere:*:*:*:wrong\n127.0.0.1:{cluster.Port}:{bench.Database}:postgres:{PostgresCluster.Password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal)}\n");
        bench.Configure($"{cluster.TcpUri(bench.Database)}?sslmode=require&passfile={passes}");
        File.SetUnixFileMode(passes, (UnixFileMode)Convert.ToInt32("644", 8));
        Assert.Contains("may be read by others", await bench.RefusedAsync(2), StringComparison.Ordinal);
        File.SetUnixFileMode(passes, (UnixFileMode)Convert.ToInt32("600", 8));
        await bench.DoAsync("backup");
        await bench.AllAreGoodAsync(count: 3);
    }

    [SkippableFact]
    public async Task Drills_work_on_the_scratch_server_alone()
    {
        using var scratch = new PostgresCluster();
        using var bench = Bench();
        var role = "only_backs_up_" + bench.Database;
        cluster.Execute("postgres", $"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data");
        scratch.Execute("postgres", $"CREATE ROLE {role} LOGIN CREATEDB IN ROLE pg_read_all_data");
        bench.Configure(cluster.Uri(bench.Database, role), $"scratchServer: {DatabaseBench.Quote(scratch.Uri("postgres", role))}\n    drill: {{probe: {{sql: \"SELECT count(*) FROM orders\", expect: \">= 100\"}}}}");
        await bench.DoAsync("backup");
        await bench.DoAsync("drill");
        Assert.Empty(scratch.Rows("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'nexus\\_backup\\_%'"));

        scratch.Stop();
        var said = await bench.RefusedAsync(5, "drill");
        Assert.Contains(scratch.Sockets, said, StringComparison.Ordinal);
        await bench.AllAreGoodAsync(count: 1);
    }

    private DatabaseBench Bench()
    {
        var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 100) i");
        return bench;
    }
}
