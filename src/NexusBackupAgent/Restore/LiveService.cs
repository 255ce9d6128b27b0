using System.Diagnostics.CodeAnalysis;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>The service that uses a live source: how it is stopped, started, and asked whether it works.</summary>
internal sealed class LiveService(RestoreSettings settings, TimeProvider timeProvider, RestoreEvents events)
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    /// <summary>For one answer.</summary>
    private static readonly TimeSpan ForAnswer = TimeSpan.FromSeconds(5);

    // How a program ends that the terminal's signals ended: Ctrl-C and a hang-up reach every program of the terminal, not this one alone.
    private const int HungUp = 128 + 1;
    private const int Interrupted = 128 + 2;

    private volatile bool stopped;
    private int starts;

    /// <summary>Whether a command was run that stops it.</summary>
    public bool IsStopped => stopped;

    /// <summary>As they are typed.</summary>
    public IReadOnlyList<string> StartCommands => [.. settings.After.Select(ToolProcess.Line)];

    /// <summary>Waits for the work that starts it, for as long as its commands may take.</summary>
    /// <returns>False at once where the work has not begun to.</returns>
    public async Task<bool> HasBegunToStartAsync(Task work)
    {
        if (Volatile.Read(ref starts) == 0)
            return false;
        await work.WaitAsync((settings.CommandTimeout * 2 * settings.After.Count) + (settings.Health.Count * (settings.HealthTimeout + settings.CommandTimeout)) + Patience.ToStop, timeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }

    /// <summary>Runs the commands in order; the first that fails ends it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var command in settings.Before)
        {
            cancellationToken.ThrowIfCancellationRequested(); // who left a restore that hung has started the service by now
            stopped = true; // even one that fails may have stopped something
            events.Step(new RestoreStep(RestoreStage.Stop, $"run {ToolProcess.Line(command)}"));
            await RunAsync(command, cancellationToken);
        }
    }

    /// <summary>
    /// Runs every command, whatever becomes of the one before, if the service was stopped or has been given its data. One that a
    /// signal of the terminal ends is run once more: whoever stopped the restore did not ask for a stopped service.
    /// </summary>
    /// <returns>The first failure; null when all is well, or somebody did so before: who left a restore that hung, or the restore itself.</returns>
    public async Task<BackupException?> StartAsync(bool always)
    {
        if (Interlocked.Increment(ref starts) > 1)
            return null;
        BackupException? failed = null;
        foreach (var command in always || stopped ? settings.After : [])
        {
            events.Step(new RestoreStep(RestoreStage.Start, $"run {ToolProcess.Line(command)}"));
            try
            {
                await RunAsync(command, CancellationToken.None, evenIfSignalled: true);
            }
            catch (BackupException failure)
            {
                failed ??= failure;
            }
        }

        return failed;
    }

    /// <summary>Waits until each of <see cref="RestoreSettings.Health"/> is well.</summary>
    /// <returns>Of the first that was not; null when all were, or there is none.</returns>
    public async Task<BackupException?> WaitForHealthAsync(CancellationToken cancellationToken)
    {
        BackupException? unwell = null;
        foreach (var question in settings.Health)
            unwell ??= await WaitForHealthAsync(question, cancellationToken);
        return unwell;
    }

    private async Task<BackupException?> WaitForHealthAsync(HealthCheck question, CancellationToken cancellationToken)
    {
        events.Step(new RestoreStep(RestoreStage.Health, $"wait for {question.Shown}"));
        using var client = NewClient();
        var started = timeProvider.GetTimestamp();
        string answer;
        while ((answer = question.Address is { } url ? await AskAsync(client, url, cancellationToken) : await AskAsync(question.Command, cancellationToken)).Length > 0
            && timeProvider.GetElapsedTime(started) < settings.HealthTimeout)
        {
            await Task.Delay(Poll, timeProvider, cancellationToken);
        }

        if (answer.Length == 0)
            return null;
        var within = $"within {settings.HealthTimeout.TotalSeconds:0.#} s: {answer}";
        return question.Address is { } address
            ? new BackupException(
                FailureKind.Restore,
                $"the service did not answer {question.Shown} with 2xx {within}",
                $"look at its log (journalctl -n 50) and ask it by hand: curl -i{(settings.HealthInsecure ? "k" : "")} {question.Shown}{(address.Query.Length > 0 ? " (with its query from restore.health)" : "")}")
            : new BackupException(FailureKind.Restore, $"'{question.Shown}' did not end with 0 {within}", "run it by hand, and look at the log of what it asks (journalctl -n 50)");
    }

    private async Task RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken, bool evenIfSignalled = false)
    {
        var result = await ToolProcess.RunAsync(command, settings.CommandTimeout, timeProvider, cancellationToken);
        if (evenIfSignalled && result.ExitCode is HungUp or Interrupted)
            result = await ToolProcess.RunAsync(command, settings.CommandTimeout, timeProvider, cancellationToken);
        if (result.ExitCode != 0)
        {
            throw new BackupException(
                FailureKind.Restore,
                $"'{ToolProcess.Line(command)}' ended with {result.ExitCode}{(result.LastLine.Length > 0 ? $": {result.LastLine}" : "")}",
                "run it by hand to see why, or mend it in restore.before and restore.after");
        }
    }

    /// <returns>Empty when it is well, otherwise what was heard instead.</returns>
    private async Task<string> AskAsync(HttpClient client, Uri url, CancellationToken cancellationToken)
    {
        using var limit = new TimeLimit(ForAnswer, timeProvider, cancellationToken);
        try
        {
            using var response = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return response.IsSuccessStatusCode ? "" : $"it answers {(int)response.StatusCode}";
        }
        catch (HttpRequestException failure)
        {
            return failure.InnerException?.Message ?? failure.Message;
        }
        catch (OperationCanceledException) when (limit.IsExceeded)
        {
            return $"no answer within {ForAnswer.TotalSeconds:0} s";
        }
    }

    /// <returns>Empty when it ended with 0, otherwise what came instead.</returns>
    private async Task<string> AskAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        try
        {
            var result = await ToolProcess.RunAsync(command, settings.CommandTimeout, timeProvider, cancellationToken);
            return result.ExitCode == 0 ? "" : $"it ends with {result.ExitCode}{(result.LastLine.Length > 0 ? $": {result.LastLine}" : "")}";
        }
        catch (BackupException failure)
        {
            return failure.Message;
        }
    }

    [SuppressMessage("Security", "MA0039:Do not write your own certificate validation method", Justification = "Asked for by healthInsecure; nothing secret is sent, and only the status is read")]
    private HttpClient NewClient()
    {
        var handler = new HttpClientHandler { UseProxy = false };
        if (settings.HealthInsecure)
            handler.ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator;
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
