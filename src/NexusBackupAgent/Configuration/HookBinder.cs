using NexusBackupAgent.Hooks;

namespace NexusBackupAgent.Configuration;

/// <summary>Who is told how things end. An address may be a secret, so nothing that is written here is shown in a problem.</summary>
/// <param name="baseDirectory">Where relative paths begin.</param>
internal sealed class HookBinder(string baseDirectory)
{
    private const string CommandExample = "[/usr/local/bin/notify, --severity, L1]";
    private const string UrlExample = "{url: \"https://hooks.example.com/backup\"}";

    private readonly CommandBinder commands = new(baseDirectory);

    public static HookSettings Bind(Section source, string baseDirectory)
    {
        var standard = HookSettings.None;
        if (source.Find("hooks") is not { IsEmpty: false } field
            || (field with { IsSecret = true }).Section($"hooks: {{onFailure: {CommandExample}}}") is not { } section)
        {
            return standard;
        }

        UnknownKeys.Report(section, ConfigurationKeys.Hooks);
        var binder = new HookBinder(baseDirectory);
        return new HookSettings(
            binder.Several(section.Find("onFailure")),
            binder.Several(section.Find("onSuccess")),
            section.Duration("timeout", standard.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)));
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
        UnknownKeys.Report(section, ConfigurationKeys.Hook);
        var given = section.Fields.Where(field => ConfigurationKeys.Hook.Used.Contains(field.Name)).ToList();
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
