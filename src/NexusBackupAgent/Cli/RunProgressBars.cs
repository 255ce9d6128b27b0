using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace NexusBackupAgent.Cli;

/// <summary>Moving bars while something runs, where somebody watches.</summary>
internal static class RunProgressBars
{
    /// <summary>Does <paramref name="work"/>, showing one bar for each stage that reports.</summary>
    /// <param name="terminal">Where.</param>
    /// <param name="label">Of the bars: the source's name.</param>
    /// <param name="show">False: nothing is shown, for example because the output is JSON.</param>
    /// <param name="work">Given what it reports to, or null when nobody watches.</param>
    public static async Task<T> ShowAsync<T>(Terminal terminal, string label, bool show, Func<IProgress<RunProgress>?, Task<T>> work)
    {
        if (!show || !terminal.IsWatched)
            return await work(null);
        return await terminal.Screen.Progress()
            .AutoClear(enabled: true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new SizeColumn(), new RateColumn(), new RemainingTimeColumn())
            .StartAsync(screen => work(new Bars(screen, label)));
    }

    /// <summary>Done of total, in the units of the results.</summary>
    private sealed class SizeColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text($"{Readable.Size((long)task.Value)} / {Readable.Size((long)task.MaxValue)}");
    }

    /// <summary>Empty before anything moved.</summary>
    private sealed class RateColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(task.Speed is > 0 and var speed ? $"{Readable.Size((long)speed)}/s" : "");
    }

    private sealed class Bars(ProgressContext screen, string label) : IProgress<RunProgress>
    {
        private readonly Dictionary<RunStage, ProgressTask> bars = [];

        public void Report(RunProgress value)
        {
            lock (bars)
            {
                if (!bars.TryGetValue(value.Stage, out var bar))
                    bars[value.Stage] = bar = screen.AddTask($"{Readable.Plain(label)} [dim]{value.Stage.Word()}[/]");
                bar.MaxValue = Math.Max(value.Total, 1);
                bar.Value = value.Done;
            }
        }
    }
}

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
