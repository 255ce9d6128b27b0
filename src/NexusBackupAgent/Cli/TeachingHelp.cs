using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary>Help in the user's language, and at its end what a newcomer asks next: examples, and what the exit codes mean.</summary>
internal sealed class TeachingHelp(CommandContext context) : SynchronousCommandLineAction
{
    /// <summary>Longer lines are hard to read, however wide the screen.</summary>
    private const int Widest = 110;

    private static readonly Bilingual Usage = new("Usage:", "使い方:");
    private static readonly Bilingual Arguments = new("Arguments:", "引数:");
    private static readonly Bilingual Options = new("Options:", "オプション:");
    private static readonly Bilingual Commands = new("Commands:", "コマンド:");
    private static readonly Bilingual Examples = new("Examples:", "例:");
    private static readonly Bilingual Codes = new("Exit codes:", "終了コード:");

    private static readonly Bilingual LostWords = new(
        "What a command printed may be lost (a full disk, a terminal that is gone). The code still says what became of the work; a command that only prints ends with 1.",
        "表示は失われることがある（ディスク容量不足、端末の切断）。その場合も終了コードは処理の結果を示す。表示だけのコマンドは1で終わる。");

    private static readonly (string Line, Bilingual What)[] First =
    [
        ("nexus-backup demo", new("try it: a sample database, backed up, verified, served; needs no configuration", "試用: サンプルをバックアップ・検証・公開する。設定は不要")),
        ("nexus-backup check-config", new("every mistake in the configuration at once", "設定の誤りをすべて一度に表示")),
        ("nexus-backup backup", new("back up every source now", "全ソースを今すぐバックアップ")),
        ("nexus-backup list", new("what there is to restore", "リストア可能なものの一覧")),
        ("nexus-backup restore itsm --dry-run", new("how the newest good backup would be put in place; with --force in place of --dry-run it is", "最新の正常バックアップの復元計画。--dry-run を --force に替えると実行")),
        ("nexus-backup diagnose", new("what is wrong, why, and the next command", "何が、なぜ異常か、次のコマンドは何か")),
        ("nexus-backup status --check", new("for cron: silent while all is well", "cron向け: 正常なら何も出力しない")),
    ];

    private static readonly Bilingual[] OfCodes =
    [
        new("done", "完了"),
        new("unexpected error", "予期しないエラー"),
        new("wrong command line or configuration", "コマンドラインまたは設定の誤り"),
        new("a backup failed, or a source or store could not be used", "バックアップ失敗、またはソース・格納先が使用不可"),
        new("a verification failed, or a corrupt backup was found", "検証失敗、または破損バックアップを検出"),
        new("a restore failed or was refused, or a drill failed; what was there before is still there, unless it says otherwise", "リストアの失敗・拒否、または訓練の失敗。特に記載がない限り元のデータは残っている"),
        new("no such source or backup", "該当するソースまたはバックアップなし"),
        new("busy: another run of the source is under way", "使用中: 同じソースの別の処理が実行中"),
        new("the store or the scratch space is full", "格納先または作業領域の容量不足"),
    ];

    public override bool ClearsParseErrors => true;

    private Terminal Terminal => context.Terminal;

    /// <summary>Makes the help of a command line teach.</summary>
    public static void Install(RootCommand root, CommandContext context)
    {
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h") { Description = context.Say("Show this help", "このヘルプを表示する"), Action = new TeachingHelp(context) });
        root.Options.OfType<VersionOption>().Single().Description = context.Say("Show version information", "バージョンを表示する");
    }

    public override int Invoke(ParseResult parseResult)
    {
        var (command, root) = (parseResult.CommandResult.Command, parseResult.RootCommandResult.Command);
        Paragraph(command.Description ?? "");
        Head(Usage);
        Terminal.Line("  " + Readable.Plain(UsageOf(command)));
        Terminal.Output.WriteLine();
        Table(Arguments, command.Arguments.Select(argument => ($"<{argument.Name}>", argument.Description ?? "")));
        Table(Options, command.Options.Concat(command is RootCommand ? [] : root.Options.Where(option => option.Recursive)).Where(option => !option.Hidden).Select(option => (NameOf(option), option.Description ?? "")));
        Table(Commands, command.Subcommands.Select(sub => (Form(sub), FirstSentence(sub.Description ?? ""))));
        Table(Examples, command is TaughtCommand taught ? taught.Examples.Select(example => (example.Line, example.What ?? "")) : First.Select(example => (example.Line, In(example.What))));
        if (command is RootCommand)
        {
            Table(Codes, OfCodes.Select((code, number) => ($"{number}", In(code))));
            Paragraph(In(LostWords));
        }

        return (int)ExitCode.Done;
    }

    private static string UsageOf(Command command) => command is RootCommand
        ? "nexus-backup COMMAND [options]"
        : $"nexus-backup {Form(command)} [options]";

    private static string Form(Command command) => string.Join(' ', [command.Name, .. command.Arguments.Select(FormOf)]);

    private static string FormOf(Argument argument) => argument.Arity switch
    {
        { MinimumNumberOfValues: > 0 } => $"<{argument.Name}>",
        { MaximumNumberOfValues: > 1 } => $"[<{argument.Name}>...]",
        _ => $"[<{argument.Name}>]",
    };

    private static string NameOf(Option option) =>
        string.Join(", ", option.Aliases.Append(option.Name).Distinct(StringComparer.Ordinal).OrderBy(name => name.Length)) + (option.HelpName is { } value ? $" <{value}>" : "");

    /// <summary>The whole is in the help of the command itself.</summary>
    private static string FirstSentence(string text)
    {
        var latin = text.IndexOf(". ", StringComparison.Ordinal);
        var japanese = text.IndexOf('。', StringComparison.Ordinal);
        var end = (latin, japanese) switch { (< 0, < 0) => text.Length, (< 0, _) => japanese, (_, < 0) => latin, _ => Math.Min(latin, japanese) };
        return text[..end].TrimEnd('.', '。');
    }

    private string In(Bilingual text) => text.In(context.Language);

    private void Head(Bilingual heading) => Terminal.Line(In(heading));

    private int Width => Terminal.IsWatched ? Math.Min(Terminal.Width, Widest) : Terminal.Width;

    private void Paragraph(string text)
    {
        foreach (var line in Wrapping.Lines(text, Width))
            Terminal.Line(Readable.Plain(line));
        Terminal.Output.WriteLine();
    }

    /// <summary>Two columns; where the first takes too much, the second gets lines of its own.</summary>
    private void Table(Bilingual heading, IEnumerable<(string Name, string What)> rows)
    {
        var all = rows.ToList();
        if (all.Count == 0)
            return;
        Head(heading);
        var column = Math.Min(all.Max(row => Wrapping.Width(row.Name)), Math.Max(Width * 2 / 5, 24)) + 4;
        foreach (var (name, what) in all)
        {
            var isLong = Wrapping.Width(name) + 4 > column;
            var lines = what.Length == 0 ? [] : Wrapping.Lines(what, Width - column);
            Terminal.Line(Readable.Plain("  " + name + (isLong || lines.Count == 0 ? "" : new string(' ', column - 2 - Wrapping.Width(name)) + lines[0])));
            foreach (var line in lines.Skip(isLong ? 0 : 1))
                Terminal.Line(Readable.Plain(new string(' ', column) + line));
        }

        Terminal.Output.WriteLine();
    }
}

/// <summary>A command whose help ends with examples.</summary>
/// <param name="name">As it is typed.</param>
/// <param name="description">One sentence or two.</param>
/// <param name="examples">Whole command lines.</param>
internal sealed class TaughtCommand(string name, string description, params Example[] examples) : Command(name, description)
{
    public IReadOnlyList<Example> Examples { get; } = examples;

    /// <summary>Whether it does more than to print: then its exit code says what became of that, whatever happens to what it prints.</summary>
    public Func<ParseResult, bool> Acts { get; set; } = _ => false;
}

/// <param name="Line">As it is typed.</param>
/// <param name="What">What it does; null where it says so itself.</param>
internal sealed record Example(string Line, string? What = null);
