using System.CommandLine;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.Cli;

/// <summary>What all commands share: the options that every command takes, the terminal, the clock, the configuration.</summary>
/// <param name="terminal">Where they print.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="directory">The working directory: where the configuration is looked for first.</param>
internal sealed class CommandContext(Terminal terminal, TimeProvider timeProvider, string directory)
{
    /// <summary>Where the configuration is when neither an option nor the working directory has one.</summary>
    public const string SystemFile = "/etc/nexus-backup/nexus-backup.yml";

    private const string FileName = "nexus-backup.yml";

    public Option<string?> Config { get; } = new("--config", "-c") { HelpName = "FILE", Recursive = true };

    /// <summary>The key for commands that look into encrypted backups.</summary>
    public Option<string?> Identity { get; } = new("--identity") { HelpName = "FILE" };

    public Option<bool> Verbose { get; } = new("--verbose") { Recursive = true };

    /// <summary>The language of help and of what the night's commands say; without it that of the environment.</summary>
    public Option<string?> Lang { get; } = LanguageOption.Create();

    public Terminal Terminal => terminal;

    public TimeProvider TimeProvider => timeProvider;

    /// <summary>Lowers the priority of this process. Long commands for which nobody waits call it, so that they don't slow down the host's applications.</summary>
    public Action Yield { get; init; } = () => { };

    /// <summary>What is sent to the command; null: somebody types.</summary>
    public TextReader? Input { get; init; } = Console.IsInputRedirected ? Console.In : null;

    /// <summary>Who types it, for the journal: behind sudo, the person.</summary>
    public Asker Asker { get; } = new(Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } person ? person : SystemUser.Current.Name, Address: null);

    /// <summary>What sources and stores may be.</summary>
    public AgentKinds Kinds { get; init; } = AgentKinds.Shipped;

    public Language Language { get; private set; } = Languages.Of(Environment.GetEnvironmentVariable);

    /// <summary>A text of the help.</summary>
    public string Say(string english, string japanese) => new Bilingual(english, japanese).In(Language);

    /// <summary>Speaks the language that a command line asks for, from its help on.</summary>
    public void Speak(IReadOnlyList<string> arguments)
    {
        Language = LanguageOption.Of(arguments) ?? Language;
        Config.Description = Say($"The configuration file. Default: ./{FileName}, then {SystemFile}", $"設定ファイル。既定: ./{FileName}、次に {SystemFile}");
        Identity.Description = Say("The file with the key that opens encrypted backups, as age-keygen wrote it. Default: encryption.age.identityFile", "暗号化バックアップを開く鍵のファイル（age-keygenが書いたもの）。既定: encryption.age.identityFile");
        Verbose.Description = Say("Print stack traces of errors", "エラーのスタックトレースを出力する");
        Lang.Description = Say("en or ja. Default: ja where the environment's language is Japanese, otherwise en", "en または ja。既定: 環境の言語が日本語なら ja、それ以外は en");
    }

    /// <summary>A <c>--json</c> option for a command that prints data.</summary>
    public Option<bool> Json() => new("--json") { Description = Say("Print one JSON document on the output, and nothing else there", "出力にJSON文書を1つだけ出力する") };

    /// <summary>Where the command is typed.</summary>
    public string WorkingDirectory => directory;

    /// <summary>A path as the user gave it, from the working directory on.</summary>
    public string Resolve(string path) => KernelPath.Absolute(path, directory);

    /// <exception cref="BackupException">There is none.</exception>
    public string FindConfiguration(ParseResult command)
    {
        if (command.GetValue(Config) is { } given)
            return Resolve(given);
        string[] places = [Path.Combine(directory, FileName), SystemFile];
        return places.FirstOrDefault(File.Exists) ?? throw new BackupException(
            FailureKind.Configuration,
            $"there is no configuration file: neither '{places[0]}' nor '{places[1]}' exists",
            "name one with --config FILE, or start from examples/itsm-nexus.yml; nexus-backup demo needs none");
    }

    /// <summary>Reads a configuration and tells nobody what is wrong with it.</summary>
    public (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) ReadConfiguration(string file) =>
        ConfigurationFile.Load(file, timeProvider.LocalTimeZone, Kinds);

    /// <summary>Reads the configuration and prints all its problems.</summary>
    /// <exception cref="BackupException">It has errors.</exception>
    public AgentConfiguration LoadConfiguration(ParseResult command)
    {
        var file = FindConfiguration(command);
        var (configuration, problems) = ReadConfiguration(file);
        foreach (var problem in problems)
            terminal.Tell(problem.IsError, problem.Text);
        if (configuration is not null)
            return configuration;

        var errors = problems.Count(problem => problem.IsError);
        throw new BackupException(
            FailureKind.Configuration,
            $"configuration '{file}' has {(errors == 1 ? "an error" : $"{errors} errors")}",
            "mend what the lines above say (nexus-backup check-config shows them again), then run the command again");
    }

    /// <summary>How the next command is written: with the configuration that this one was given.</summary>
    public Commands CommandsOf(ParseResult command) => new(command.GetValue(Config) is { } given ? Resolve(given) : null);

    /// <summary>Opens the agent as the configuration says, with its sources found.</summary>
    /// <param name="needsState">Whether it is of no use to who may not look into the state directory: that is then the one line there is to say.</param>
    public Task<CommandSession> OpenAgentAsync(ParseResult command, bool needsState = false) =>
        CommandSession.OpenAsync(LoadConfiguration(command) with { Identity = command.GetValue(Identity) is { } key ? Resolve(key) : null }, terminal, timeProvider, command.GetValue(Verbose), needsState);
}

/// <summary>An agent for the duration of one command.</summary>
internal sealed class CommandSession : IDisposable
{
    /// <summary>For directories that answer: a busy machine, and much that a killed run left there, take their time.</summary>
    private static readonly TimeSpan ToOpen = TimeSpan.FromMinutes(2);

    private readonly ILoggerFactory loggers;

    private CommandSession(Agent agent, ILoggerFactory loggers)
    {
        Agent = agent;
        this.loggers = loggers;
    }

    public Agent Agent { get; }

    /// <param name="needsState">Whether it is of no use to who may not look into the state directory.</param>
    public static async Task<CommandSession> OpenAsync(AgentConfiguration configuration, Terminal terminal, TimeProvider timeProvider, bool verbose, bool needsState = false)
    {
        var created = LoggingSetup.ForCommand(terminal, configuration.TimeZone, verbose);
        try
        {
            var (state, scratch) = (($"state directory '{configuration.StateDirectory}'", "state"), ($"scratch space '{configuration.ScratchDirectory}'", "scratch"));
            var looks = new PatientLook(Patience.ToAnswer, timeProvider);
            await looks.AskAsync("state", () => Task.FromResult(Directory.Exists(configuration.StateDirectory)), () => throw Silent(state));
            await looks.AskAsync("scratch", () => Task.FromResult(Directory.Exists(configuration.ScratchDirectory)), () => throw Silent(scratch));
            var agent = await new PatientLook(ToOpen, timeProvider).AskAsync(
                "agent",
                () =>
                {
                    if (needsState)
                        StateAccess.HasAgent(configuration.StateDirectory);
                    return Task.FromResult(Agent.Open(configuration, timeProvider, created, evenWithoutJournal: true));
                },
                () => throw Silent(state));
            await agent.Roster.RefreshAsync();
            agent.Turns.Waiting = (source, most) => terminal.Warn($"{agent.Turns.Busy(source).Message}; waiting for its end, {SpanText.Limit(most).English} at most");
            return new CommandSession(agent, created);
        }
        catch
        {
            created.Dispose();
            throw;
        }
    }

    private static BackupException Silent((string Shown, string Key) place) => new(
        FailureKind.Io, $"the {place.Shown} does not answer, probably because its disk hangs", $"see which disk it is (findmnt; dmesg | tail), and mount it again; a copy of the configuration with another {place.Key}: can restore meanwhile");

    /// <summary>Warns of stores that are not those that they were: what the command does not find there may lie on a disk that is away.</summary>
    /// <returns>Whether there is one.</returns>
    public async Task<bool> WarnOfOtherStoresAsync(Terminal terminal, CancellationToken cancellationToken)
    {
        var others = await Agent.OtherStoresAsync(cancellationToken);
        foreach (var other in others)
            terminal.Warn($"{other.Message} — next: {other.Hint}");
        return others.Count > 0;
    }

    public void Dispose()
    {
        Agent.Dispose();
        loggers.Dispose();
    }
}

/// <summary>The option <c>--lang en|ja</c>; without it the language of the environment.</summary>
internal static class LanguageOption
{
    private const string Name = "--lang";

    public static Option<string?> Create()
    {
        var option = new Option<string?>(Name) { HelpName = "LANG", Recursive = true };
        option.OneOf("en", "ja");
        return option;
    }

    /// <summary>Before anything is parsed: the help is made in this language.</summary>
    /// <returns>Null where nothing is asked for.</returns>
    public static Language? Of(IReadOnlyList<string> arguments)
    {
        for (var index = 0; index < arguments.Count && arguments[index] != "--"; index++)
        {
            var word = arguments[index].StartsWith(Name + "=", StringComparison.Ordinal) ? arguments[index][(Name.Length + 1)..]
                : arguments[index] == Name && index + 1 < arguments.Count ? arguments[index + 1]
                : null;
            switch (word)
            {
                case "ja":
                    return Language.Japanese;
                case "en":
                    return Language.English;
                default:
                    break;
            }
        }

        return null;
    }
}

internal static class Choices
{
    /// <summary>Takes one of these words. The refusal is ours: the library's is of several lines.</summary>
    public static void OneOf<T>(this Option<T> option, params string[] words)
    {
        option.CompletionSources.Add(words);
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var given }] && !words.Contains(given, StringComparer.Ordinal))
                result.AddError($"{option.Name} takes {string.Join(" or ", words)}, not '{given}'");
        });
    }
}
