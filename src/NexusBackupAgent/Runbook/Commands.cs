using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Runbook;

/// <summary>The next command, as it can be pasted: with the source's real name, quoted, and the configuration that was given.</summary>
/// <param name="configuration">The file that was given with <c>--config</c>; null when none was.</param>
internal sealed class Commands(string? configuration)
{
    public const string AgentLog = "journalctl -u nexus-backup --since '48 hours ago'";

    public const string StartService = "sudo systemctl start nexus-backup";

    public const string RestartService = "sudo systemctl restart nexus-backup";

    /// <summary>What starts the schedules where no agent runs.</summary>
    public const string Timers = "systemctl list-timers 'nexus-backup*'   # or, where cron starts the backups: crontab -l";

    /// <summary>Nobody knows whether the agent is installed as a service; the line can be pasted in both cases, because the rest is a comment for the shell.</summary>
    public string StartAgent() => $"{StartService}   {OrStart}";

    public string RestartAgent() => $"{RestartService}   {OrRestart}";

    public string OrStart => $"# or, where it is no service: {Of("run")}";

    public string OrRestart => $"# or, where it is no service: stop it, then {Of("run")}";

    public string Copy(string source) => Of("copy", source);

    public string Backup(string source) => Of("backup", source);

    public string VerifyAll(string source) => Of("verify", source, "--all");

    public string AcceptLost(string source) => Of("verify", source, "--accept-lost");

    public string PruneDryRun(string source) => Of("prune", source, "--dry-run");

    /// <summary>The plan says whether it takes <c>--force</c>.</summary>
    public string RestoreDryRun(string source) => Of("restore", source, "--dry-run");

    public string RestoreDryRunWithKey(string source) => Of("restore", source, "--dry-run", "--identity", "FILE");

    /// <summary>By root, who may stop the service and give what is restored its owner.</summary>
    public string RestoreOverLive(string source) => $"sudo {Of("restore", source, "--force")}";

    /// <summary>What to do about a failure. Who met it could not name the source in a command.</summary>
    public string HintOf(RunFailure failure, string source) =>
        failure.Kind == FailureKind.SourceMissing ? $"{failure.Hint} ({RestoreDryRun(source)})" : failure.Hint;

    public string Status() => Of("status");

    public string CheckConfig() => Of("check-config");

    public string Of(params string[] words) =>
        ToolProcess.Line(["nexus-backup", .. words, .. configuration is null ? (string[])[] : ["--config", configuration]]);

    /// <summary>As another user types it.</summary>
    public string As(SystemUser user, params string[] words) => $"{ToolProcess.Line(["sudo", "-u", user.ForSudo])} {Of(words)}";

    public static string On(string path, params string[] words) => ToolProcess.Line([.. words, path]);
}
