using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>Alertmanager's own tool, as far as it renders texts.</summary>
internal static class Amtool
{
    /// <summary>A template of the product with a file of alerts.</summary>
    /// <param name="data">JSON as Alertmanager gives it to a webhook.</param>
    /// <param name="template">Its name.</param>
    /// <param name="of">What of the data it takes.</param>
    public static async Task<string> RenderAsync(string data, string template, string of = ".")
    {
        var result = await Tool.RunAsync("amtool", ["template", "render", $"--template.glob={ShippedFiles.Templates}", $"--template.data={data}", $"--template.text={{{{ template \"{template}\" {of} }}}}"]);
        Assert.True(result.ExitCode == 0, result.Text);
        return result.Output;
    }

    /// <summary>The same with the alerts as a text.</summary>
    public static async Task<string> RenderTextAsync(string json, string template, string of = ".")
    {
        var data = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(data, json);
            return await RenderAsync(data, template, of);
        }
        finally
        {
            File.Delete(data);
        }
    }
}
