using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Configuration;

/// <summary>
/// Looks whether the commands and secrets of a source are there. Only warnings: what the service finds, with its own PATH
/// and environment, may differ from what whoever checks finds.
/// </summary>
internal static class CommandCheck
{
    public static IEnumerable<ConfigurationProblem> Check(SourceConfiguration source) =>
    [
        .. Commands(source.Restore.Before, source, "restore", "before"),
        .. Commands(source.Restore.After, source, "restore", "after"),
        .. Hooks(source.Hooks.OnFailure, source, "onFailure"),
        .. Hooks(source.Hooks.OnSuccess, source, "onSuccess"),
    ];

    private static IEnumerable<ConfigurationProblem> Hooks(IReadOnlyList<Hook> hooks, SourceConfiguration source, string name) =>
    [
        .. Commands(hooks.Select(hook => hook.Command).Where(command => command.Count > 0), source, "hooks", name),
        .. hooks.Select(hook => hook.Url).OfType<HookUrl>().Select(url => Address(url, KeyPath.Join("sources", source.Name, "hooks", name))).OfType<ConfigurationProblem>(),
    ];

    private static IEnumerable<ConfigurationProblem> Commands(IEnumerable<IReadOnlyList<string>> commands, SourceConfiguration source, string section, string name) =>
        from command in commands
        where ProgramFile.Find(command[0]) is null
        select new ConfigurationProblem(
            KeyPath.Join("sources", source.Name, section, name), Line: 0, command[0], "there is no such program, or it may not be executed",
            "check it (command -v), install it, or write its full path", IsError: false);

    private static ConfigurationProblem? Address(HookUrl url, string key)
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
}
