using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary><c>list</c>, <c>status</c> and help on a terminal of 80 columns, in both languages.</summary>
public sealed class ScreenTests : IDisposable
{
    private const int Columns = 80;

    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Theory]
    [InlineData("en")]
    [InlineData("ja")]
    public async Task No_line_is_longer_than_the_screen_and_no_word_is_broken(string language)
    {
        await BackUpAsync();
        File.Delete(place.In("itsm.db"));
        await place.RunAsync("backup");

        foreach (var command in (string[][])[["list"], ["status"], ["--help"], ["restore", "--help"], ["status", "--help"], ["diagnose", "--help"]])
        {
            var (piped, screen) = ("", "");
            await Eventually.TrueAsync(
                async () =>
                {
                    piped = await PipedAsync();
                    screen = (await place.OnScreenAsync(Columns, [.. command, "--lang", language])).Output;
                    return piped == await PipedAsync();
                },
                "the room on the disk stays as it is for a moment");

            Assert.All(screen.Split('\n'), line => Assert.True(Wrapping.Width(line) <= Columns || !line.Trim().Contains(' ', StringComparison.Ordinal), line));
            foreach (var word in screen.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(word => word.All(char.IsAscii)))
                Assert.Contains(word, piped, StringComparison.Ordinal);

            async Task<string> PipedAsync() => string.Join(' ', (await place.RunAsync([.. command, "--lang", language])).Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        }
    }

    [Fact]
    public async Task The_list_begins_with_the_id_and_tells_the_zone_of_its_times()
    {
        var backup = await BackUpAsync();

        var narrow = (await place.OnScreenAsync(Columns, "list")).Output.Split('\n');
        var wide = (await place.OnScreenAsync(200, "list")).Output.Split('\n');

        Assert.Matches("^id +captured \\+09:00 +age +size +state$", narrow[1]);
        Assert.StartsWith(backup.Id, narrow[2], StringComparison.Ordinal);
        Assert.Equal("  full  " + backup.File, narrow[3]);
        Assert.Matches($"^{backup.Id} .* good +full +{backup.File}$", wide[2]);
    }

    [Fact]
    public async Task A_long_source_name_gets_a_line_of_its_own_on_the_status()
    {
        var name = new string('x', 70);
        place.Configure(name, "itsm.db");
        await place.RunAsync("backup");

        var screen = (await place.OnScreenAsync(Columns, "status")).Output.Split('\n').ToList();

        Assert.Matches("^  L1 +2026-02-14 12:00 ", screen[screen.IndexOf(name) + 1]);
    }

    [Theory]
    [InlineData("list", "取得日時", "正常")]
    [InlineData("status", "最新の正常", "稼働実績なし")]
    [InlineData("--help", "使い方:", "バックアップを新しい順に一覧表示する")]
    [InlineData("restore", "使い方:", "リストアするソース")]
    public async Task Japanese_is_spoken(string command, params string[] words)
    {
        await BackUpAsync();

        var said = (await place.RunAsync(command == "restore" ? ["restore", "--help", "--lang=ja"] : [command, "--lang", "ja"])).Output;

        Assert.All(words, word => Assert.Contains(word, said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, "0 s")]
    [InlineData(-0.4, "0 s")]
    [InlineData(-5, "-5 s")]
    [InlineData(59.9, "59 s")]
    [InlineData(3 * 86400, "3 d 0 h")]
    public void A_measured_span_is_never_less_than_nothing(double seconds, string words) =>
        Assert.Equal(words, SpanText.Measured(TimeSpan.FromSeconds(seconds)).English);

    [Theory]
    [InlineData(30, "30 s", "30秒")]
    [InlineData(120, "2 min", "2分")]
    [InlineData(100, "1 min 40 s", "1分40秒")]
    [InlineData(5400, "1.5 h", "1.5時間")]
    [InlineData(172800, "48 h", "48時間")]
    [InlineData(40 * 86400, "40 d", "40日")]
    public void A_limit_chooses_its_unit(double seconds, string english, string japanese) =>
        Assert.Equal(new Bilingual(english, japanese), SpanText.Limit(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Times_are_of_an_offset_where_all_have_the_same_and_of_a_zone_otherwise()
    {
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var (winter, summer) = (new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 7, 1, 0, 0, 0, TimeSpan.Zero));

        Assert.Equal(["+01:00", "+02:00", "Europe/Berlin", "UTC"], [Readable.Zone(berlin, winter), Readable.Zone(berlin, summer), Readable.Zone(berlin, winter, summer), Readable.Zone(TimeZoneInfo.Utc, winter)]);
    }

    private async Task<(string Id, string File)> BackUpAsync()
    {
        await place.RunAsync("backup");
        var backup = (await place.RunAsync("list", "--json")).Json[0];
        return (backup.GetProperty("id").GetString()!, Path.GetFileName(backup.GetProperty("file").GetString()!));
    }
}
