using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>The next command, as it can be pasted: with the source's real name, quoted, and the configuration that was given.</summary>
/// <param name="configuration">The file that was given with <c>--config</c>; null when none was.</param>
internal sealed class Commands(string? configuration)
{
    public const string AgentLog = "journalctl -u nexus-backup --since '48 hours ago'";

    /// <summary>Whether the agent is a service nothing tells; a comment of the shell leaves the line ready to paste.</summary>
    public string StartAgent() => $"sudo systemctl start nexus-backup   # or, where it is no service: {Of("run")}";

    public string RestartAgent() => $"sudo systemctl restart nexus-backup   # or, where it is no service: stop it, then {Of("run")}";

    public string Backup(string source) => Of("backup", source);

    public string VerifyAll(string source) => Of("verify", source, "--all");

    public string PruneDryRun(string source) => Of("prune", source, "--dry-run");

    public string RestoreDryRun(string source) => Of("restore", source, "--dry-run");

    public string Status() => Of("status");

    public string CheckConfig() => Of("check-config");

    public string Of(params string[] words) =>
        ToolProcess.Line(["nexus-backup", .. words, .. configuration is null ? (string[])[] : ["--config", configuration]]);

    /// <summary>As another user types it.</summary>
    public string As(SystemUser user, params string[] words) => $"{ToolProcess.Line(["sudo", "-u", user.ForSudo])} {Of(words)}";

    /// <summary>A command of the system on a path.</summary>
    public static string On(string path, params string[] words) => ToolProcess.Line([.. words, path]);
}
