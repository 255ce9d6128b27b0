using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>A store that holds one backup, which somebody made by hand so many hours ago (runbook §3.2 [D], method 3). No schedule makes another.</summary>
internal abstract class AgedBackup(int hours) : Scenario
{
    public override string Sources => """
          itsm:
            sqlite: itsm.db
            directory: .
        """;

    public override async Task PrepareAsync(RunningAgent agent)
    {
        await base.PrepareAsync(agent);
        var madeAt = File.GetLastWriteTimeUtc(agent.ConfigurationFile).AddHours(9 - hours); // by the clock of the agent's host; in Japan, as the file's name says it
        var file = Path.Combine(agent.Store, $"manual_{madeAt.ToString("yyyyMMdd_HHmmss", CultureInfo.InvariantCulture)}.db.gz");
        await using (var gzip = new GZipStream(File.Create(file), CompressionLevel.Fastest))
            await gzip.WriteAsync(await File.ReadAllBytesAsync(agent.Database));
        var hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file)));
        await File.WriteAllTextAsync(file + ".sha256", $"{hash}  {Path.GetFileName(file)}\n");

        var verified = await agent.RunAsync("verify", "itsm");
        Assert.True(verified.ExitCode == 0, verified.Text);
    }
}
