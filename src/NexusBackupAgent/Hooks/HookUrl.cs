using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Hooks;

/// <summary>
/// Where a hook posts to. Behind the host an address often holds a secret, so no text of this class shows more of it than
/// that; a file or a variable is read each time, so that a secret can be changed while the agent runs.
/// </summary>
internal sealed class HookUrl
{
    private readonly Uri? written;

    private HookUrl(Uri? written, string? file, string? variable) => (this.written, File, Variable) = (written, file, variable);

    /// <summary>The absolute path of the file that holds it, or null.</summary>
    public string? File { get; }

    /// <summary>The environment variable that holds it, or null.</summary>
    public string? Variable { get; }

    public static HookUrl Written(Uri address) => new(address, file: null, variable: null);

    public static HookUrl InFile(string path) => new(written: null, path, variable: null);

    public static HookUrl InVariable(string name) => new(written: null, file: null, name);

    /// <exception cref="BackupException">The file or variable holds none.</exception>
    public Uri Read()
    {
        if (written is not null)
            return written;
        var text = File is null ? Environment.GetEnvironmentVariable(Variable!) : ReadFile();
        if (string.IsNullOrWhiteSpace(text))
            throw Unusable(File is null ? "it is not set" : "it is empty");
        try
        {
            return WebAddress.Parse(text.Trim());
        }
        catch (FormatException wrong)
        {
            throw Unusable("what it holds " + wrong.Message);
        }
    }

    /// <summary>For logs and messages.</summary>
    public override string ToString() => written is not null ? HostOf(written) : File is not null ? $"the address in file '{File}'" : $"the address in variable {Variable}";

    /// <summary>The part of an address that is no secret.</summary>
    public static string HostOf(Uri address) => $"{address.Scheme}://{address.Authority}";

    private string ReadFile()
    {
        try
        {
            return System.IO.File.ReadAllText(File!);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read {this}", File!);
        }
    }

    private BackupException Unusable(string why) => new(
        FailureKind.Configuration,
        $"cannot use {this}: {why}",
        File is null ? $"set {Variable} for the agent (systemctl edit nexus-backup: Environment= or EnvironmentFile=)" : $"write one http or https address into '{File}'");
}
