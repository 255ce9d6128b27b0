using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

public sealed class JapaneseEditionTests
{
    [SkippableFact]
    public async Task The_Japanese_edition_is_what_the_script_makes_of_the_English_one()
    {
        Require.Tool("python3");

        var result = await Tool.RunAsync("python3", [Repository.File("dashboards", "translate"), "--check"]);

        Assert.True(result.ExitCode == 0, result.Text + "run dashboards/translate");
    }

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Both_editions_ask_the_same_and_differ_in_every_title(string name)
    {
        var english = new Dashboard(name);
        var japanese = new Dashboard($"ja/{name}");

        Assert.Equal(english.Queries.Select(query => query.Expression), japanese.Queries.Select(query => query.Expression));
        Assert.All(english.Panels.Zip(japanese.Panels), pair => Assert.NotEqual(Dashboard.TitleOf(pair.First), Dashboard.TitleOf(pair.Second)));
        Assert.All(japanese.Panels, panel => Assert.Contains(panel.GetProperty("description").GetString()!, letter => letter is >= 'ぁ' and <= 'ヿ'));
    }

    /// <summary>A text in the wrong place would be looked up by nobody: texts stand only where a person reads them.</summary>
    [Fact]
    public void Every_translation_has_a_text()
    {
        var texts = JsonDocument.Parse(File.ReadAllText(Repository.File("dashboards", "ja", "texts.json"))).RootElement.EnumerateObject();

        Assert.All(texts, text => Assert.NotEmpty(text.Value.GetString()!));
    }
}
