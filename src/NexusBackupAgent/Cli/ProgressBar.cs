using Spectre.Console;

namespace NexusBackupAgent.Cli;

/// <summary>One moving bar while something is made, where somebody watches.</summary>
internal static class ProgressBar
{
    /// <param name="terminal">Where.</param>
    /// <param name="label">Of the bar.</param>
    /// <param name="work">Given what it reports its done part to, 0 to 1; null when nobody watches.</param>
    public static async Task<T> ShowAsync<T>(Terminal terminal, string label, Func<IProgress<double>?, T> work)
    {
        if (!terminal.IsWatched)
            return work(null);
        return await terminal.Screen.Progress()
            .AutoClear(enabled: true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(screen => Task.Run(() => work(new Bar(screen.AddTask(Readable.Plain(label), maxValue: 1)))));
    }

    private sealed class Bar(ProgressTask task) : IProgress<double>
    {
        public void Report(double value) => task.Value = value;
    }
}
