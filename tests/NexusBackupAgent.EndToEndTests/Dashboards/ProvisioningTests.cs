using NexusBackupAgent.EndToEndTests.Support;
using YamlDotNet.Serialization;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>The files that tell Grafana where its data source and the dashboards are.</summary>
public sealed class ProvisioningTests
{
    [Fact]
    public void The_provider_reads_where_the_monitoring_page_copies_to_and_protects_the_files()
    {
        var provider = Only("dashboards", "providers");
        var options = (Dictionary<object, object>)provider["options"];

        Assert.Equal(("file", "false"), (provider["type"], provider["allowUiUpdates"]));
        Assert.Contains($"install -d {options["path"]}\n", File.ReadAllText(Repository.File("docs", "monitoring.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_data_source_is_of_the_type_that_the_dashboards_ask_for()
    {
        var source = Only("datasources", "datasources");

        var asked = new Dashboard("nexus-backup-overview.json").Variables.First().GetProperty("query").GetString();
        Assert.Equal(asked, source["type"]);
    }

    private static Dictionary<object, object> Only(string folder, string key)
    {
        var text = File.ReadAllText(Repository.File("dashboards", "provisioning", folder, "nexus-backup.yml"));
        var file = new Deserializer().Deserialize<Dictionary<string, object>>(text);
        Assert.Equal("1", file["apiVersion"]);
        return (Dictionary<object, object>)Assert.Single((List<object>)file[key]);
    }
}
