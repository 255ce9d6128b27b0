using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Configuration;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>What can be set in <c>deploy/compose</c> without editing it.</summary>
public sealed partial class ComposeSettingsTests
{
    private static readonly string[] Files = ["compose.yaml", "compose.login.yaml"];

    [Fact]
    public void The_readme_lists_every_setting_and_no_other()
    {
        var used = Files.SelectMany(file => Setting().Matches(Text(file))).Select(match => match.Groups["name"].Value).Distinct(StringComparer.Ordinal).ToList();
        var table = Text("README.md").Split("## Settings")[1].Split("\n## ")[0];
        var listed = Row().Matches(table).SelectMany(row => Name().Matches(row.Value.Split('|')[1])).Select(match => match.Groups["name"].Value);

        Assert.NotEmpty(used);
        Assert.Equal(used.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.All(
            Setting().Matches(Text("compose.yaml")).Where(match => match.Groups["fallback"].Value.StartsWith('.')),
            match => Assert.Contains($"`{match.Groups["fallback"].Value}`", table, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", 127)] // it goes on to make a sample, with a program that is not there
    [InlineData("/srv/itsm/backend", 0)]
    public async Task A_sample_is_made_only_where_there_is_no_database_of_ones_own(string database, int exitCode)
    {
        var sample = DeployedFile.Read("compose", "compose.yaml")["services"]!["sample"]!;
        Assert.Equal("${DATABASE:-}", sample["environment"]!["DATABASE"].Text());
        var command = sample["entrypoint"].Texts().Select(part => part.Replace("$$", "$", StringComparison.Ordinal).Replace("nexus-backup", "no-such-program", StringComparison.Ordinal));

        var made = await Tool.RunAsync("env", [$"DATABASE={database}", .. command]);

        Assert.True(made.ExitCode == exitCode, made.Text);
    }

    [Fact]
    public void Grafana_has_no_account_and_one_that_is_asked_for_has_its_password_from_a_file()
    {
        var without = DeployedFile.Read("compose", "compose.yaml")["services"]!["grafana"]!["environment"]!.AsObject();
        var with = DeployedFile.Read("compose", "compose.login.yaml");
        var changes = with["services"]!["grafana"]!["environment"]!.AsObject();

        Assert.DoesNotContain(without, variable => variable.Key.Contains("PASSWORD", StringComparison.Ordinal));
        foreach (var closed in new[] { "GF_AUTH_DISABLE_LOGIN_FORM", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION" })
            Assert.Equal(("true", "false"), (without[closed].Text(), changes[closed].Text()));

        var secret = Assert.Single(with["services"]!["grafana"]!["secrets"].Texts());
        Assert.Equal($"/run/secrets/{secret}", changes["GF_SECURITY_ADMIN_PASSWORD__FILE"].Text());
        Assert.StartsWith("${GRAFANA_PASSWORD_FILE:?", with["secrets"]![secret]!["file"].Text(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Compose_knows_every_key_of_the_file_with_the_account()
    {
        KubernetesTools.RequireSchemas();
        await SchemaValidator.RequireAsync();

        Assert.Equal("", await SchemaValidator.ValidateAsync(KubernetesTools.ComposeSchema, Text("compose.login.yaml")));
    }

    private static string Text(string file) => File.ReadAllText(DeployedFile.Path("compose", file));

    [GeneratedRegex(@"\$\{(?<name>[A-Z_]+)(:-(?<fallback>[^}]*)|:\?[^}]*)?\}")]
    private static partial Regex Setting();

    [GeneratedRegex(@"^\| `.*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<name>[A-Z_]+)`")]
    private static partial Regex Name();
}
