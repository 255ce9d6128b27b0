using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary>The sources that a command names.</summary>
internal static class SourceArguments
{
    /// <summary>An argument of any number of source names, completed from the configuration.</summary>
    public static Argument<string[]> Several(CommandContext context, string name, string description)
    {
        var argument = new Argument<string[]>(name) { HelpName = name, Description = description, Arity = ArgumentArity.ZeroOrMore };
        argument.Validators.Add(RefuseOptions);
        argument.CompletionSources.Add(completion => Complete(context, completion));
        return argument;
    }

    private static void RefuseOptions(ArgumentResult result)
    {
        if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith("--", StringComparison.Ordinal)) is { } token)
            result.AddError($"there is no option '{token.Value}'{(NearestWord.Find(token.Value, OptionsOf(result)) is { } nearest ? $"; did you mean '{nearest}'?" : "")}");
    }

    private static IReadOnlyList<string> OptionsOf(ArgumentResult result) =>
        result.Parent is CommandResult { Command: var command, Parent: var parent }
            ? [.. command.Options.Concat((parent as CommandResult)?.Command.Options ?? []).Select(option => option.Name)]
            : [];

    /// <summary>An argument of one source name or none, completed from the configuration.</summary>
    public static Argument<string?> AtMostOne(CommandContext context, string description)
    {
        var argument = new Argument<string?>("SOURCE") { HelpName = "SOURCE", Description = description, Arity = ArgumentArity.ZeroOrOne };
        argument.Validators.Add(RefuseOptions);
        argument.CompletionSources.Add(completion => Complete(context, completion));
        return argument;
    }

    /// <summary>An argument of one source name, completed from the configuration.</summary>
    public static Argument<string> One(CommandContext context, string description)
    {
        var argument = new Argument<string>("SOURCE") { HelpName = "SOURCE", Description = description };
        argument.Validators.Add(RefuseOptions);
        argument.CompletionSources.Add(completion => Complete(context, completion));
        return argument;
    }

    /// <summary>The option that has a command look into another store than each source's first.</summary>
    public static Option<string?> Store(CommandContext context)
    {
        var option = new Option<string?>("--store") { HelpName = "NAME", Description = context.Say("What is kept in this store. Default: each source's first", "この格納先のもの。既定: 各ソースの先頭の格納先") };
        option.CompletionSources.Add(completion => Quietly(context, completion, configuration => configuration.Sources
            .SelectMany(source => source.Copies.Select(copy => copy.Store).Prepend(source.Store)).Distinct(StringComparer.Ordinal).Select(name => new CompletionItem(name))));
        return option;
    }

    /// <summary>The refusal to do what no schedule says.</summary>
    public static BackupException NoSchedule(string message, IReadOnlyList<ScheduledSource> sources, string schedule)
    {
        var names = sources.SelectMany(source => source.Schedules).Select(own => own.Name).Distinct(StringComparer.Ordinal).ToList();
        var hint = NearestWord.Find(schedule, names) is { } nearest ? $"did you mean '{nearest}'?"
            : names.Count == 0 ? "leave --schedule out: without it a backup is made by hand"
            : $"the schedules are: {string.Join(", ", names)}";
        return new BackupException(FailureKind.NotFound, message, hint);
    }

    /// <summary>The configured schedules.</summary>
    public static void CompleteSchedules(CommandContext context, Option<string?> schedule) =>
        schedule.CompletionSources.Add(completion => Quietly(context, completion, configuration => configuration.Sources
            .SelectMany(source => source.Schedules).Select(own => own.Name).Distinct(StringComparer.Ordinal).Select(name => new CompletionItem(name))));

    /// <summary>The backups of the source that is named.</summary>
    /// <param name="source">The argument that names it.</param>
    public static void CompleteBackups(CommandContext context, Option<string?> id, Argument<string> source) =>
        id.CompletionSources.Add(completion => Quietly(context, completion, configuration =>
        {
            var name = completion.ParseResult.GetValue(source);
            var found = Agent.Find(configuration, context.TimeProvider).Where(candidate => candidate.Name == name);
            return found.SelectMany(candidate => candidate.Source.Catalog.ListAsync(CancellationToken.None).GetAwaiter().GetResult())
                .Select(backup => new CompletionItem(backup.Id.Value));
        }));

    private static IEnumerable<CompletionItem> Complete(CommandContext context, CompletionContext completion) =>
        Quietly(context, completion, configuration => configuration.Sources
            .SelectMany(source => source.Settings.Find(before: []).Found)
            .Select(source => new CompletionItem(source.Name)));

    /// <summary>Somebody is typing: this is no moment for an error.</summary>
    private static IReadOnlyList<CompletionItem> Quietly(CommandContext context, CompletionContext completion, Func<AgentConfiguration, IEnumerable<CompletionItem>> find)
    {
        try
        {
            return context.ReadConfiguration(context.FindConfiguration(completion.ParseResult)).Configuration is { } configuration ? [.. find(configuration)] : [];
        }
        catch (Exception unavailable) when (unavailable is BackupException || IoFailure.IsKnown(unavailable))
        {
            return [];
        }
    }
}
