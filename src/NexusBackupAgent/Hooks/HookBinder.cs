using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Hooks;

/// <summary>Reads and checks <c>hooks:</c>. An address may be a secret, so no problem shows a value from here.</summary>
/// <param name="baseDirectory">Where relative paths begin.</param>
internal sealed class HookBinder(string baseDirectory)
{
    private const string CommandExample = "[/usr/local/bin/notify, --severity, L1]";
    private const string UrlExample = "{url: \"https://hooks.example.com/backup\"}";

    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.hooks", "onFailure", "onSuccess", "timeout");

    /// <summary>The level of a hook that is a mapping.</summary>
    public static readonly LevelKeys HookKeys = new("sources.<name>.hooks.onFailure", "command", "url", "urlFile", "urlEnv");

    private readonly CommandBinder commands = new(baseDirectory);

    public static HookSettings Bind(Section source, string baseDirectory)
    {
        var standard = HookSettings.None;
        if (source.Find("hooks") is not { IsEmpty: false } field
            || (field with { IsSecret = true }).Section($"hooks: {{onFailure: {CommandExample}}}") is not { } section)
        {
            return standard;
        }

        Keys.ReportOthers(section);
        var binder = new HookBinder(baseDirectory);
        return new HookSettings(
            binder.Several(section.Find("onFailure")),
            binder.Several(section.Find("onSuccess")),
            section.Duration("timeout", standard.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)));
    }

    /// <summary>Warnings for programs and secrets that are not there.</summary>
    public static IEnumerable<ConfigurationProblem> Check(string source, HookSettings hooks) =>
        [.. Check(hooks.OnFailure, KeyPath.Join("sources", source, "hooks", "onFailure")), .. Check(hooks.OnSuccess, KeyPath.Join("sources", source, "hooks", "onSuccess"))];

    private static IEnumerable<ConfigurationProblem> Check(IReadOnlyList<Hook> hooks, string key) =>
    [
        .. CommandBinder.FindMissing(hooks.Select(hook => hook.Command).Where(command => command.Count > 0), key),
        .. hooks.Select(hook => hook.Url).OfType<HookUrl>().Select(url => Check(url, key)).OfType<ConfigurationProblem>(),
    ];

    private static ConfigurationProblem? Check(HookUrl url, string key)
    {
        try
        {
            url.Read();
            return null;
        }
        catch (BackupException unusable)
        {
            return new ConfigurationProblem(key, Line: 0, Value: null, unusable.Message, unusable.Hint, IsError: false);
        }
    }

    /// <summary>A list of texts is one command; a list with lists or mappings in it is several hooks.</summary>
    private IReadOnlyList<Hook> Several(Field? field)
    {
        if (field is null or { IsEmpty: true } or { Node: ListNode { Items: [] } })
            return [];
        var isMany = field.Node is ListNode list && list.Items.Any(item => item is not ScalarNode);
        return [.. (isMany ? field.OneOrMany() : [field]).Select(One).OfType<Hook>()];
    }

    private Hook? One(Field field)
    {
        switch (field.Node)
        {
            case MappingNode:
                return field.Section($"{field.Name}: {UrlExample}") is { } section ? OfMapping(section) : null;
            case ListNode { Items: [ScalarNode first, ..] } when WebAddress.HasScheme(first.Text):
                field.Error("is a list of addresses, and a list of texts is a command", $"write {field.Name}: [{UrlExample}, …]");
                return null;
            case ListNode:
                return OfCommand(commands.One(field, CommandExample));
            case ScalarNode text when WebAddress.HasScheme(text.Text):
                return OfAddress(field);
            default:
                field.Error("is neither a list of arguments nor an http or https address", $"write for example {field.Name}: {CommandExample} or {UrlExample}; never a shell string");
                return null;
        }
    }

    private Hook? OfMapping(Section section)
    {
        HookKeys.ReportOthers(section);
        var given = section.Fields.Where(field => HookKeys.Used.Contains(field.Name)).ToList();
        if (given is not [var only])
        {
            section.Error(
                given.Count == 0 ? "the hook has neither a command nor an address" : $"the hook has {string.Join(" and ", given.Select(field => field.Name))}, and only one of them can be told",
                $"write one of command: {CommandExample}, url, urlFile or urlEnv in each");
            return null;
        }

        return only.Name switch
        {
            "command" => OfCommand(commands.One(only, CommandExample)),
            "url" => OfAddress(only),
            "urlFile" => only.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/run/secrets/hook-url") is { } file ? new Hook([], HookUrl.InFile(file)) : null,
            _ => only.Parse(Variable, fallback: null!, "HOOK_URL") is { } name ? new Hook([], HookUrl.InVariable(name)) : null,
        };
    }

    private static Hook? OfCommand(IReadOnlyList<string>? command) => command is null ? null : new Hook(command, Url: null);

    private static Hook? OfAddress(Field field) =>
        field.Parse(WebAddress.Parse, fallback: null!, "\"https://hooks.example.com/backup\"") is { } address ? new Hook([], HookUrl.Written(address)) : null;

    private static string Variable(string text) =>
        text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_') ? text : throw new FormatException("is not the name of an environment variable");
}

/// <summary>Who is told how something ended: a command, or an address that takes JSON by POST. One of the two is set.</summary>
/// <param name="Command">The program and its arguments; empty when <paramref name="Url"/> is set.</param>
/// <param name="Url">Where to post.</param>
internal sealed record Hook(IReadOnlyList<string> Command, HookUrl? Url);

/// <summary>The hooks of a source (configuration <c>hooks:</c>; §6.2 of the dataset management document).</summary>
/// <param name="OnFailure">Told of each failed run, corrupt backup, failed drill and failed restore.</param>
/// <param name="OnSuccess">Told of each one that succeeded.</param>
/// <param name="Timeout">For each hook. Default 30 s.</param>
internal sealed record HookSettings(IReadOnlyList<Hook> OnFailure, IReadOnlyList<Hook> OnSuccess, TimeSpan Timeout)
{
    public static HookSettings None { get; } = new([], [], TimeSpan.FromSeconds(30));
}
