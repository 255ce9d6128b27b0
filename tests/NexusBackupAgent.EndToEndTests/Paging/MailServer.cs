using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>Takes mail on a free loopback port, as far as Alertmanager speaks SMTP (RFC 5321), and keeps what it says.</summary>
internal sealed partial class MailServer : IAsyncDisposable
{
    private readonly ConcurrentQueue<Message> messages = new();
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Task serving;

    public MailServer()
    {
        listener.Start();
        serving = ServeAsync();
    }

    /// <summary>host:port.</summary>
    public string Address => listener.LocalEndpoint.ToString()!;

    public IEnumerable<Message> Messages => messages;

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                try
                {
                    await TalkAsync(client.GetStream());
                }
                catch (IOException)
                {
                    // Alertmanager was ended while it was talking.
                }
            }
        }
        catch (SocketException)
        {
            // Stopped.
        }
    }

    private async Task TalkAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.Latin1);
        await using var writer = new StreamWriter(stream, Encoding.Latin1) { NewLine = "\r\n", AutoFlush = true };
        var to = "";
        await writer.WriteLineAsync("220 here");
        while (await reader.ReadLineAsync() is { } command && !command.StartsWith("QUIT", StringComparison.Ordinal))
        {
            if (command.StartsWith("RCPT", StringComparison.Ordinal))
                to = command.Split('<', '>')[1];
            if (command == "DATA")
            {
                await writer.WriteLineAsync("354 go on");
                messages.Enqueue(Read(to, await MailOfAsync(reader)));
            }

            await writer.WriteLineAsync("250 ok");
        }

        await writer.WriteLineAsync("221 bye");
    }

    private static async Task<string> MailOfAsync(StreamReader reader)
    {
        var mail = new StringBuilder();
        while (await reader.ReadLineAsync() is { } line && line != ".")
            mail.Append(line.StartsWith('.') ? line[1..] : line).Append('\n');
        return mail.ToString();
    }

    /// <summary>The subject (RFC 2047, "Q") and the one text part (quoted-printable) of a mail.</summary>
    private static Message Read(string to, string mail)
    {
        var subject = EncodedWord().Replace(
            EncodedWordBreak().Replace(SubjectLine().Match(mail).Groups["text"].Value, ""),
            word => Unquote(word.Groups["text"].Value.Replace('_', ' ')));
        return new Message(to, subject.Trim(), Unquote(TextPart().Match(mail).Groups["text"].Value.Replace("=\n", "", StringComparison.Ordinal)));
    }

    private static string Unquote(string text) => Quoted().Replace(
        text, bytes => Encoding.UTF8.GetString([.. bytes.Value.Split('=', StringSplitOptions.RemoveEmptyEntries).Select(hex => byte.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture))]));

    [GeneratedRegex(@"^Subject: (?<text>.*(?:\n[ \t].*)*)", RegexOptions.Multiline)]
    private static partial Regex SubjectLine();

    [GeneratedRegex(@"(?<=\?=)\s+(?==\?)")]
    private static partial Regex EncodedWordBreak();

    [GeneratedRegex(@"=\?utf-8\?q\?(?<text>[^?]*)\?=", RegexOptions.IgnoreCase)]
    private static partial Regex EncodedWord();

    [GeneratedRegex(@"Content-Type: text/plain.*?\n\n(?<text>.*?)\n--", RegexOptions.Singleline)]
    private static partial Regex TextPart();

    [GeneratedRegex("(?:=[0-9A-F]{2})+")]
    private static partial Regex Quoted();
}
