using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A web server of one answer, on a port of the system's choice.</summary>
internal sealed class HookListener : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly List<string> requests = [];
    private readonly X509Certificate2? certificate;

    /// <param name="answer">Everything after <c>HTTP/1.1 </c>; null: it never answers.</param>
    /// <param name="secure">Speaks TLS, with a certificate that nobody knows.</param>
    public HookListener(string? answer, bool secure = false)
    {
        certificate = secure ? SelfSigned() : null;
        listener.Start();
        _ = Task.Run(() => ServeAsync(answer));
    }

    public string Host => $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>Whole requests, head and body.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (requests)
                return [.. requests];
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        listener.Stop();
        stop.Dispose();
        certificate?.Dispose();
    }

    private async Task ServeAsync(string? answer)
    {
        while (!stop.IsCancellationRequested)
        {
            using var client = await listener.AcceptTcpClientAsync(stop.Token);
            var stream = certificate is null ? client.GetStream() : await SecureAsync(client.GetStream());
            if (stream is null)
                continue;
            var request = await ReadAsync(stream);
            lock (requests)
                requests.Add(request);
            if (answer is null)
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop.Token);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n"), stop.Token);
        }
    }

    private async Task<string> ReadAsync(Stream stream)
    {
        var bytes = new List<byte>();
        var buffer = new byte[4096];
        while (true)
        {
            var read = await stream.ReadAsync(buffer, stop.Token);
            bytes.AddRange(buffer.AsSpan(0, read));
            var text = Encoding.UTF8.GetString([.. bytes]);
            var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (read == 0 || head >= 0 && Encoding.UTF8.GetByteCount(text[(head + 4)..]) >= Length(text[..head]))
                return text;
        }
    }

    private async Task<Stream?> SecureAsync(Stream stream)
    {
        var secured = new SslStream(stream);
        try
        {
            await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stop.Token);
            return secured;
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            await secured.DisposeAsync();
            return null;
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create();
        return new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(150));
    }

    private static int Length(string head) => head.Split("\r\n")
        .Select(line => line.Split(": ", 2))
        .Where(line => line[0].Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
        .Select(line => int.Parse(line[1], System.Globalization.CultureInfo.InvariantCulture))
        .FirstOrDefault();
}
