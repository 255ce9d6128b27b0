using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Access;

/// <summary>Where the certificate of <c>listen: https://…</c> is, as PEM files.</summary>
/// <param name="Certificate">Absolute. The certificate, then those between it and its root.</param>
/// <param name="Key">Absolute. Its private key.</param>
internal sealed record CertificateFiles(string Certificate, string Key)
{
    public static readonly LevelKeys Keys = new("certificate", "certificate", "key");

    private const string Example = "certificate: {certificate: cert.pem, key: key.pem}";

    /// <returns>Null when there is none, or what there is was reported.</returns>
    public static CertificateFiles? Bind(Section root, string baseDirectory)
    {
        if (root.FindSection("certificate", Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        var (certificate, key) = (Path(section, "certificate", "cert.pem", baseDirectory), Path(section, "key", "key.pem", baseDirectory));
        return certificate is null || key is null ? null : new CertificateFiles(certificate, key);
    }

    /// <summary>What is wrong with the files now.</summary>
    public IEnumerable<ConfigurationProblem> Check(DateTimeOffset now)
    {
        const string Certificates = "certificate.certificate";
        ServerCertificate loaded;
        try
        {
            loaded = Load();
        }
        catch (BackupException unusable)
        {
            return [new ConfigurationProblem(Certificates, Line: 0, Value: null, unusable.Message, unusable.Hint)];
        }

        using (loaded)
        {
            var problems = new List<ConfigurationProblem>();
            var (from, until) = (new DateTimeOffset(loaded.Leaf.NotBefore).ToUniversalTime(), new DateTimeOffset(loaded.Leaf.NotAfter).ToUniversalTime());
            if (now > until)
                problems.Add(new ConfigurationProblem(Certificates, Line: 0, Certificate, $"the certificate expired on {until:yyyy-MM-dd}", "have it renewed; a self-signed one: nexus-backup certificate --force"));
            else if (now < from)
                problems.Add(new ConfigurationProblem(Certificates, Line: 0, Certificate, $"the certificate is valid from {from:yyyy-MM-dd} on", "see whether the clock is right (timedatectl)"));
            else if (until - now < Soon)
                problems.Add(new ConfigurationProblem(Certificates, Line: 0, Certificate, $"the certificate expires on {until:yyyy-MM-dd}", "have it renewed; a self-signed one: nexus-backup certificate --force", IsError: false));
            if (FileStatus.Of(Key) is { } key && (key.Mode & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != UnixFileMode.None)
                problems.Add(new ConfigurationProblem("certificate.key", Line: 0, Key, "other users may read the key, and who has it can pass for this agent", $"chmod o= '{Key}'", IsError: false));
            return problems;
        }
    }

    /// <summary>A certificate that expires within this time is warned of.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromDays(21);

    /// <exception cref="BackupException">The files can't be used.</exception>
    public ServerCertificate Load()
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(Certificate);
            using var withoutKey = chain.Count > 0 ? chain[0] : throw new CryptographicException("there is no certificate in it");
            var leaf = X509Certificate2.CreateFromPemFile(Certificate, Key);
            chain.RemoveAt(0);
            return new ServerCertificate(leaf, SslStreamCertificateContext.Create(leaf, chain, offline: true));
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unusable(missing, $"there is no '{(File.Exists(Certificate) ? Key : Certificate)}'", "make a self-signed certificate: nexus-backup certificate");
        }
        catch (UnauthorizedAccessException refused)
        {
            throw Unusable(refused, "this user may not read it", $"give it to the agent's user: sudo chown {SystemUser.Current.Name} '{Certificate}' '{Key}'");
        }
        catch (Exception broken) when (broken is CryptographicException or ArgumentException or IOException)
        {
            throw Unusable(broken, broken.Message, "both are PEM files, and the key belongs to the first certificate; a self-signed pair: nexus-backup certificate");
        }
    }

    /// <summary>Of both files as they are now: another value once one of them changed.</summary>
    public (FileStatus? Certificate, FileStatus? Key) Stamp() => (FileStatus.Of(Certificate), FileStatus.Of(Key));

    private BackupException Unusable(Exception reason, string why, string hint) =>
        new(FailureKind.Configuration, $"cannot use the certificate '{Certificate}' with the key '{Key}': {why}", hint, reason);

    private static string? Path(Section section, string key, string example, string baseDirectory)
    {
        if (section.Find(key) is { } field)
            return field.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, example);
        section.Error($"has no {key}", $"write for example {Example}");
        return null;
    }
}

/// <summary>A certificate that is ready to serve.</summary>
/// <param name="Leaf">With its key.</param>
/// <param name="Context">With those between it and its root.</param>
internal sealed record ServerCertificate(X509Certificate2 Leaf, SslStreamCertificateContext Context) : IDisposable
{
    /// <summary>SHA-256, as browsers and <c>openssl x509 -fingerprint</c> show it.</summary>
    public static string FingerprintOf(X509Certificate2 certificate) => string.Join(':', certificate.GetCertHash(HashAlgorithmName.SHA256).Select(part => $"{part:X2}"));

    public void Dispose() => Leaf.Dispose();
}

/// <summary>Makes a certificate that nobody but itself signed.</summary>
internal static class SelfSigned
{
    /// <summary>Longer ones are refused by some systems.</summary>
    public const int MostDays = 825;

    private const UnixFileMode KeyMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode CertificateMode = KeyMode | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <param name="names">Host names and addresses; the first is its subject.</param>
    public static X509Certificate2 Make(IReadOnlyList<string> names, int days, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(names[0]);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
                alternatives.AddIpAddress(address);
            else
                alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false)); // TLS server
        return request.CreateSelfSigned(now.AddMinutes(-5), now.AddDays(days));
    }

    /// <summary>Writes both files, the key first and for nobody else to read. Each is whole or absent.</summary>
    /// <exception cref="BackupException">One is there and is not to be replaced, or can't be written.</exception>
    public static void Write(X509Certificate2 certificate, CertificateFiles files, bool replace)
    {
        foreach (var file in (string[])[files.Key, files.Certificate])
        {
            if (!replace && FileStatus.OfNoLink(file) is not null)
                throw new BackupException(FailureKind.Configuration, $"'{file}' exists", "--force replaces it, or name another directory with --to");
        }

        using var key = certificate.GetECDsaPrivateKey()!;
        Write(files.Key, key.ExportPkcs8PrivateKeyPem(), KeyMode);
        Write(files.Certificate, certificate.ExportCertificatePem(), CertificateMode);
    }

    private static void Write(string path, string text, UnixFileMode mode)
    {
        try
        {
            SafeFile.WriteWhole(path, System.Text.Encoding.ASCII.GetBytes(text + "\n"), mode);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"write '{path}'", System.IO.Path.GetDirectoryName(path)!);
        }
    }
}
