using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>Clients that are slow, endless or too many, beside one that works.</summary>
public sealed partial class HostileClientTests(ApiService service) : IClassFixture<ApiService>
{
    private const int Many = 200;

    [Fact]
    public async Task Two_hundred_clients_that_send_a_byte_a_second_stop_neither_backups_nor_scrapes_and_are_closed()
    {
        using var stop = new CancellationTokenSource();
        var slow = Enumerable.Range(0, Many).Select(number => TrickleAsync(number, stop.Token)).ToList();

        for (var round = 0; round < 3; round++)
        {
            Assert.Contains("nexus_backup_time_seconds", await service.Http.GetStringAsync("metrics"), StringComparison.Ordinal);
            var run = (await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}"""))[0];
            Assert.Equal("success", run.GetProperty("result").GetString());
        }

        Assert.Contains(slow, client => !client.IsCompleted); // they were there all the time
        await Task.WhenAll(slow).WaitAsync(TimeSpan.FromMinutes(3), TimeProvider.System); // the agent closed each of them
        await stop.CancelAsync();
    }

    [Fact]
    public async Task A_flood_of_headers_and_a_line_without_end_are_cut_off()
    {
        foreach (var (what, text, answer) in ((string, string, string)[])
        [
            ("many headers", "GET /metrics HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Range(0, Limits.HeaderCount + 1).Select(number => $"X-{number}: a\r\n")) + "\r\n", "431"),
            ("large headers", $"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Large: {new string('a', Limits.Headers)}\r\n\r\n", "431"),
            ("a long line", $"GET /{new string('a', Limits.RequestLine)} HTTP/1.1\r\nHost: a\r\n\r\n", "414"),
            ("a large body", $"POST /api/v1/drill HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ApiService.TokenOf("operator")}\r\nContent-Type: application/json\r\nContent-Length: {Limits.Body + 1}\r\n\r\n", "413"),
            ("no HTTP", "\u0016\u0003\u0001\u0002\r\n\r\n", "400"),
        ])
        {
            using var client = await ConnectAsync();
            await using var stream = client.GetStream();
            await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
            using var reader = new StreamReader(stream, Encoding.Latin1);
            var line = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(3), TimeProvider.System);
            Assert.True(line?.StartsWith($"HTTP/1.1 {answer} ", StringComparison.Ordinal), $"{what}: {line}");
        }
    }

    [Fact]
    public async Task One_address_has_so_many_connections_and_then_no_more()
    {
        var open = new List<TcpClient>();
        try
        {
            var refused = 0;
            for (var number = 0; number < Limits.ConnectionsOfOne + 20; number++)
            {
                try
                {
                    open.Add(await ConnectAsync());
                }
                catch (SocketException)
                {
                    refused++; // closed before this end knew that it was open
                }
            }

            await Eventually.TrueAsync(() => refused + open.Count(IsClosed) >= 20 - 1, "connections too many are closed"); // one or two may be the other test's HTTP client's
            Assert.InRange(refused + open.Count(IsClosed), 1, 30);
        }
        finally
        {
            open.ForEach(client => client.Dispose());
        }

        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return (await service.Http.GetStringAsync("-/healthy")).Length > 0;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "there is room again");
    }

    [Fact]
    public async Task The_page_about_security_tells_the_numbers_that_hold()
    {
        var page = await File.ReadAllTextAsync(RepositoryFile.Find("docs/security.md"));
        var told = Row().Matches(page[page.IndexOf("| what | limit |", StringComparison.Ordinal)..]).ToDictionary(row => row.Groups[1].Value, row => row.Groups[2].Value, StringComparer.Ordinal);
        told.Remove("what");
        told.Remove("---");

        Assert.Equal(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["body of a request"] = $"{Limits.Body / 1024} KiB",
                ["headers of a request"] = $"{Limits.Headers / 1024} KiB in {Limits.HeaderCount}",
                ["first line of a request"] = $"{Limits.RequestLine / 1024} KiB",
                ["time for the headers, and for a TLS handshake"] = $"{Limits.HeaderSeconds} s",
                ["time without a request"] = $"{Limits.IdleSeconds} s",
                ["slowest client, after " + Limits.SlowestGraceSeconds + " s"] = $"{Limits.SlowestRate} bytes/s",
                ["connections"] = $"{Limits.Connections}",
                ["connections of one address"] = $"{Limits.ConnectionsOfOne}",
                ["requests at once on a connection of HTTP/2"] = $"{Limits.Streams}",
                ["attempts to sign in, of one address"] = $"{Limits.LoginsOfAddress} a minute",
                ["failed attempts, of one user"] = $"{Limits.FailuresOfUser} a minute",
                ["attempts at once"] = $"{Limits.LoginsAtOnce}",
            },
            told);
    }

    /// <summary>Ends when the agent closes it.</summary>
    private async Task TrickleAsync(int number, CancellationToken cancellationToken)
    {
        using var client = await ConnectAsync();
        await using var stream = client.GetStream();
        // Some never end their headers, others their body.
        var begin = number % 2 == 0 ? "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: " : $"POST /api/v1/drill HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ApiService.TokenOf("operator")}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{";
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(begin), cancellationToken);
            while (!IsClosed(client))
            {
                await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, cancellationToken);
                await stream.WriteAsync("a"u8.ToArray(), cancellationToken);
            }
        }
        catch (IOException)
        {
            // Closed.
        }
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(service.Http.BaseAddress!.Host, service.Http.BaseAddress.Port);
        return client;
    }

    private static bool IsClosed(TcpClient client)
    {
        try
        {
            // An answer may stand before the end.
            while (client.Client.Poll(0, SelectMode.SelectRead))
            {
                if (client.Client.Available == 0 || client.Client.Receive(new byte[4096]) == 0)
                    return true;
            }

            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    [GeneratedRegex(@"^\| ([^|]+?) \| ([^|]+?) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
