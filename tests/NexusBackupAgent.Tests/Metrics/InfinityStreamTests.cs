using System.Text;
using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Tests.Metrics;

public class InfinityStreamTests
{
    private const string Written = "a{source=\"in Infinity\"} Infinity\nb Infinity\n# HELP c To Infinity and beyond.\nc{source=\"日本\"} 1\nd Infinity\n";
    private const string Meant = "a{source=\"in Infinity\"} +Inf\nb +Inf\n# HELP c To Infinity and beyond.\nc{source=\"日本\"} 1\nd +Inf\n";

    [Fact]
    public async Task The_value_is_spelt_as_the_format_says_wherever_the_text_is_cut()
    {
        var text = Encoding.UTF8.GetBytes(Written);
        for (var size = 1; size <= text.Length; size++)
        {
            using var output = new MemoryStream();
            await using (var stream = new InfinityStream(output))
            {
                foreach (var part in text.Chunk(size))
                    await stream.WriteAsync(part);
            }

            Assert.Equal(Meant, Encoding.UTF8.GetString(output.ToArray()));
        }
    }
}
