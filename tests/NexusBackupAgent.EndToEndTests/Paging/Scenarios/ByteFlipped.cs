using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>A byte of the newest artifact is flipped; the agent's own verification finds it, sets it aside and makes a new backup.</summary>
internal sealed class ByteFlipped : Scenario
{
    public override string Sources => """
          itsm:
            sqlite: itsm.db
            directory: .
            schedules: {daily: {cron: "0 2 29 2 *", retention: 7d}}
            verify: {cron: "*/15 * * * * *"}
        """;

    /// <summary>Changes one byte in the middle of each of these files, in place, as a bad disk does.</summary>
    public static void Flip(RunningAgent agent, string artifacts)
    {
        foreach (var artifact in Directory.GetFiles(agent.Store, artifacts))
        {
            using var file = new FileStream(artifact, FileMode.Open, FileAccess.ReadWrite);
            file.Position = file.Length / 2;
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ 1));
        }
    }

    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.RunAsync("backup", "itsm");
        Flip(stage.Agent, "manual_*.db.gz"); // the daily one stays good
        await stage.ToldAsync("operations", "NexusBackupCorrupt L1");
        await stage.ToldAsync("operations", "NexusBackupCorrupt L1 over"); // the replacement is there, and it is no news any more

        await stage.ReadsAsync("operations", "【L1】バックアップ障害: ファイル破損 itsm", "NexusBackupCorrupt");
        await stage.ToldNothingElseAsync(operations: ["NexusBackupCorrupt L1"]);
    }
}
