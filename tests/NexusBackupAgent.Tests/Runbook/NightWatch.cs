using System.Text.Json;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Cli;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A workplace with a healthy agent beside it, as far as the state directory tells: its lock is held and its heart beats.</summary>
internal sealed class NightWatch : IDisposable
{
    private RunLock? agent;

    public NightWatch()
    {
        Agent(beat: TimeProvider.System.GetUtcNow());
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

    /// <summary>Writes a heartbeat.</summary>
    public void Agent(DateTimeOffset beat) => InJournal((journal, _) => journal.Beat(beat));

    /// <summary>A run that failed, as the journal keeps it.</summary>
    public void FailRun(FailureKind kind, string message, DateTimeOffset at, string schedule = "daily") => InJournal((journal, _) =>
    {
        var failure = new RunFailure(kind, message, "look closer");
        var id = journal.Begin("itsm", schedule, BackupType.Full, at);
        journal.RecordAttempt(id, 1, at, at, failure);
        journal.End(new RunRecord(id, "itsm", schedule, BackupType.Full, at, at, RunResult.Failure, 1, failure, Outcome: null));
    });

    public void InJournal(Action<RunJournal, OperationJournal> write)
    {
        var database = JournalDatabase.Open(State, TimeProvider.System.GetUtcNow(), out _);
        using var journal = new RunJournal(database);
        write(journal, new OperationJournal(database));
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
