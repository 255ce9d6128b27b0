using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>A source may be named after a file, and a file may have any name: no message becomes something else by it.</summary>
public sealed class OddNamesTests
{
    private const string SlackEscapes = "&amp;|&lt;|&gt;";

    /// <summary>The last ones are a name that adds lines to the form, one as long as a file's may be, and one in Japanese.</summary>
    public static TheoryData<string> Names =>
    [
        "<b>bold</b>",
        "<!channel> <@U012AB3CD> <https://evil.example|itsm>",
        "R&D &lt;!here&gt;",
        "it's \"quoted\" \\ `x` {{ .Status }} $1 ${0} %s",
        "a\n■ RPO影響: 範囲内\r\n■ 現在の状態: 復旧済\u0007",
        new string('長', 85) + new string('x', 100),
        "基幹システム（本番）",
    ];

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task A_mail_is_plain_text_with_the_name_in_it_and_no_line_more(string name)
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        foreach (var language in (string[])["ja", "en"])
        {
            var subject = await RenderAsync(name, language, "subject");
            var report = await RenderAsync(name, language, "report");

            Assert.Contains(OneLine(name), subject, StringComparison.Ordinal);
            Assert.DoesNotContain(subject, char.IsControl);
            Assert.Contains(OneLine(name), FormOf(report), StringComparison.Ordinal);
            Assert.Equal(9, report.Split('\n').Count(line => line.StartsWith('■') || line.StartsWith("  - ", StringComparison.Ordinal)));
            Assert.Equal(FormOf(await RenderAsync("itsm", language, "report")), FormOf(report).Replace(OneLine(name), "itsm", StringComparison.Ordinal));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task In_a_chat_a_name_calls_nobody_and_links_nowhere(string name)
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        foreach (var language in (string[])["ja", "en"])
        {
            var title = await RenderAsync(name, language, "title");
            var chat = await RenderAsync(name, language, "chat");

            Assert.DoesNotContain(title, char.IsControl);
            Assert.All((string[])[title, chat], text =>
            {
                Assert.DoesNotMatch("[<>]", text);
                Assert.DoesNotMatch($"&(?!{SlackEscapes.Replace("&", "", StringComparison.Ordinal)})", text);
            });
            Assert.Equal(await RenderAsync(name, language, "subject"), Unescape(title));
            Assert.Contains(Unescape(chat), await RenderAsync(name, language, "report"), StringComparison.Ordinal);
        }
    }

    /// <summary>The accepted sample with another name, as the rules write it into labels and texts.</summary>
    private static Task<string> RenderAsync(string name, string language, string kind)
    {
        var data = Golden.Read("several");
        foreach (var alert in data["alerts"]!.AsArray())
        {
            foreach (var part in (JsonObject[])[alert!["labels"]!.AsObject(), alert["annotations"]!.AsObject()])
            {
                foreach (var (key, value) in part.Where(entry => !entry.Key.EndsWith("_url", StringComparison.Ordinal)).ToList())
                    part[key] = value!.GetValue<string>().Replace("itsm", name, StringComparison.Ordinal);
            }
        }

        if (kind is "subject" or "title")
            data["alerts"]!.AsArray().RemoveRange(1, data["alerts"]!.AsArray().Count - 1); // so that it is named
        return Amtool.RenderTextAsync(data.ToJsonString(), $"nexus-backup.{language}.{kind}");
    }

    private static string FormOf(string report) => report[..report.IndexOf("\n\n", StringComparison.Ordinal)];

    /// <summary>Control characters become spaces, several at once one.</summary>
    private static string OneLine(string name) => string.Join(' ', name.Split((char[])['\n', '\r', '\u0007'], StringSplitOptions.None)).Replace("  ", " ", StringComparison.Ordinal);

    /// <summary>As Slack shows it.</summary>
    private static string Unescape(string text) =>
        text.Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal);
}
