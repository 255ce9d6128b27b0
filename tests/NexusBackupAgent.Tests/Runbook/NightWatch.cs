using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A workplace with a healthy agent beside it, as far as the state directory tells: its lock is held and its heart beats.</summary>
internal sealed class NightWatch : IDisposable
{
    private RunLock? agent;

    public NightWatch()
    {
        Agent(beat: Workplace.Now);
        agent = RunLock.TryAcquire(State, RunLock.Agent);
    }

    public Workplace Place { get; } = Workplace.WithDatabase();

    public string State => Place.In("state");

    /// <summary>What <c>diagnose</c> says of the only source.</summary>
    public async Task<(JsonElement Json, int Code)> DiagnoseAsync(params string[] options)
    {
        var result = await Place.RunAsync(["diagnose", "--lang", "en", "--json", .. options]);
        return (result.Json[0], result.Code);
    }

    /// <summary>The agent's process ends; its last beat stays in the journal.</summary>
    public void StopAgent()
    {
        agent?.Dispose();
        agent = null;
    }

    /// <summary>Sets the clock to the time of the file system, which says when a file was renamed.</summary>
    public void GoByTheFileSystem()
    {
        Place.Clock.Set(() => FileSystemClock.Now.AddSeconds(1)); // it ticks in hundredths
        Agent(beat: Place.Clock.GetUtcNow());
    }

    /// <summary>Writes a heartbeat.</summary>
    public void Agent(DateTimeOffset beat) => InJournal(journal => journal.Beat(beat));

    /// <summary>A run that failed, as the journal keeps it.</summary>
    public void FailRun(FailureKind kind, string message, DateTimeOffset at, string schedule = "daily") => InJournal(journal =>
    {
        var failure = new RunFailure(kind, message, "look closer");
        var begun = Operation.BegunBackup("itsm", schedule, BackupType.Full, at);
        journal.End(begun with { Id = journal.Begin(begun), EndedAt = at, Failure = failure }, new Attempt(1, at, at, failure));
    });

    public void InJournal(Action<OperationJournal> write)
    {
        using var journal = new OperationJournal(JournalDatabase.Open(State, Workplace.Now, out _));
        write(journal);
    }

    /// <summary>Turns one bit of the newest artifact around.</summary>
    public void FlipBit()
    {
        var artifact = Place.Artifact();
        var bytes = File.ReadAllBytes(artifact);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(artifact, bytes);
    }

    public void Dispose()
    {
        StopAgent();
        Place.Dispose();
    }
}
