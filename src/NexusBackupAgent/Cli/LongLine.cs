using Spectre.Console;
using Spectre.Console.Rendering;

namespace NexusBackupAgent.Cli;

/// <summary>
/// A line of text that is not broken where the screen ends: the terminal wraps it by itself, so that a path or a
/// command in it can still be copied whole.
/// </summary>
/// <param name="markup">With the screen's markup.</param>
internal sealed class LongLine(string markup) : IRenderable
{
    private readonly IRenderable text = new Markup(markup);

    public Measurement Measure(RenderOptions options, int maxWidth) => text.Measure(options, int.MaxValue);

    public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => text.Render(options, int.MaxValue).Append(Segment.LineBreak);
}
