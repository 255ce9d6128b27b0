using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts.Age;

/// <summary>How age ended, when not well.</summary>
/// <param name="WasKilled">Whether a signal or a fault of its own ended it: then it says nothing of the file or the key.</param>
/// <param name="Reason">In words: <c>age ended with 1: …</c>.</param>
internal sealed record AgeFailure(bool WasKilled, string Reason);

/// <summary>The tool <c>age</c> of the Debian package of that name, as it encrypts or decrypts one stream.</summary>
internal sealed class AgeTool : RunningTool
{
    private const string Name = "age";
    private const string KeyTool = "age-keygen";
    private const int Refused = 1; // whatever it tells by itself
    private const int FirstSignal = 128;

    private static readonly TimeSpan ForKey = TimeSpan.FromSeconds(30);

    private AgeTool(string program, IReadOnlyList<string> arguments)
        : base(program, arguments)
    {
    }

    /// <param name="directory">Where the tool is; null: on PATH.</param>
    /// <exception cref="BackupException">It is not installed.</exception>
    public static AgeTool Encrypt(string? directory, IReadOnlyList<string> recipients) => new(Find(directory), ["--encrypt", .. recipients.SelectMany(recipient => (string[])["--recipient", recipient])]);

    /// <param name="identity">The file that holds the key.</param>
    /// <exception cref="BackupException">It is not installed.</exception>
    public static AgeTool Decrypt(string? directory, string identity) => new(Find(directory), ["--decrypt", "--identity", identity]);

    /// <returns>Null when it did what it was to do.</returns>
    public async Task<AgeFailure?> FailureAsync(CancellationToken cancellationToken)
    {
        var (exitCode, said) = await WaitAsync(cancellationToken);
        if (exitCode == 0)
            return null;
        var line = said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault();
        return exitCode > FirstSignal
            ? new AgeFailure(WasKilled: true, $"{Name} was killed by signal {exitCode - FirstSignal}")
            : new AgeFailure(WasKilled: exitCode != Refused, $"{Name} ended with {exitCode}{(line is null ? "" : $": {line}")}");
    }

    /// <exception cref="BackupException">It is not installed.</exception>
    public static string Find(string? directory, bool keys = false)
    {
        var name = keys ? KeyTool : Name;
        return ProgramFile.Find(directory is null ? name : Path.Combine(directory, name)) ?? throw new BackupException(
            FailureKind.Configuration, $"{name} is not installed{(directory is null ? "" : $" in '{directory}'")}, and the source is configured to be encrypted", "install it: apt-get install age; or name its directory with encryption.age.binDirectory");
    }

    /// <summary>The public parts of the keys in a file.</summary>
    /// <returns>Empty where that can't be told, as of a file that a passphrase protects.</returns>
    public static async Task<IReadOnlyList<string>> RecipientsOfAsync(string? directory, string identity, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var told = await ToolProcess.RunAsync([Find(directory, keys: true), "-y", identity], ForKey, timeProvider, cancellationToken);
        return told.ExitCode == 0 ? [.. told.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => line.StartsWith(AgeRecipient.Prefix, StringComparison.Ordinal))] : [];
    }

    /// <summary>Makes a key in a new file that only this user may read.</summary>
    public static async Task MakeKeyAsync(string? directory, string path, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var made = await ToolProcess.RunAsync([Find(directory, keys: true), "-o", path], ForKey, timeProvider, cancellationToken);
        if (made.ExitCode != 0)
            throw new BackupException(FailureKind.Encryption, $"no key could be made in '{path}': {made.LastLine}", "check that the agent's user may write there (ls -ld), then run the command again");
    }
}
