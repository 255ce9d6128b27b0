using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What a client sent.</summary>
/// <param name="Line">For example <c>PUT /bucket/key</c>.</param>
/// <param name="Headers">By name in small letters.</param>
/// <param name="Body">Of a large one its first bytes.</param>
internal sealed record ScriptedRequest(string Line, IReadOnlyDictionary<string, string> Headers, string Body);

/// <param name="Status">For example <c>404 Not Found</c>.</param>
internal sealed record ScriptedAnswer(string Status, string Body = "", params IReadOnlyList<string> Headers)
{
    /// <summary>An error as S3 tells it.</summary>
    public static ScriptedAnswer Error(string status, string code) => new(status, $"<Error><Code>{code}</Code><Message>scripted</Message></Error>");
}

/// <summary>A web server that answers as a test says, one request after the other: what no real server does at will.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private const int LargestKept = 4096;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Func<ScriptedRequest, ScriptedAnswer> answer;
    private readonly Lock gate = new();
    private readonly List<ScriptedRequest> requests = [];

    /// <param name="answer">Asked in the order of the requests, never twice at once.</param>
    public ScriptedServer(Func<ScriptedRequest, ScriptedAnswer> answer)
    {
        this.answer = answer;
        listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    public IReadOnlyList<ScriptedRequest> Requests
    {
        get
        {
            lock (gate)
                return [.. requests];
        }
    }

    public void Dispose() => listener.Stop();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptTcpClientAsync());
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // It is stopped.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = new BufferedStream(client.GetStream(), 1 << 16);
                var head = new StringBuilder();
                while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    if (stream.ReadByte() is not (>= 0 and var letter))
                        return;
                    head.Append((char)letter);
                }

                var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
                var headers = lines.Skip(1).Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0].ToLowerInvariant(), pair => pair[1].Trim(), StringComparer.Ordinal);
                if (headers.ContainsKey("expect"))
                    await client.GetStream().WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
                var left = headers.TryGetValue("content-length", out var length) ? int.Parse(length, CultureInfo.InvariantCulture) : 0;
                var body = new MemoryStream();
                for (var buffer = new byte[1 << 16]; left > 0;)
                {
                    var read = await stream.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)));
                    if (read == 0)
                        return;
                    body.Write(buffer, 0, (int)Math.Min(read, Math.Max(0, LargestKept - body.Length)));
                    left -= read;
                }

                var request = new ScriptedRequest(lines[0][..lines[0].LastIndexOf(' ')], headers, Encoding.UTF8.GetString(body.ToArray()));
                ScriptedAnswer said;
                lock (gate)
                {
                    requests.Add(request);
                    said = answer(request);
                }

                var text = $"HTTP/1.1 {said.Status}\r\n{string.Concat(said.Headers.Select(header => header + "\r\n"))}Content-Length: {Encoding.UTF8.GetByteCount(said.Body)}\r\nConnection: close\r\n\r\n{(request.Line.StartsWith("HEAD ", StringComparison.Ordinal) ? "" : said.Body)}";
                await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(text));
            }
            catch (Exception over) when (over is IOException or SocketException or ObjectDisposedException)
            {
                // The client went away.
            }
        }
    }
}
