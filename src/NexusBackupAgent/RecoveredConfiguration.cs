using System.Text;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>
/// The configuration of a new machine, made of what a store tells. It restores. It has no schedules, so that nothing is backed up,
/// and nothing removed, by a machine that may stand beside the old one.
/// </summary>
internal static class RecoveredConfiguration
{
    /// <summary>The store's name in it.</summary>
    public const string StoreName = "recovered";

    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The store at an address as a command line has it, as the new configuration will have it.</summary>
    /// <param name="keys">What the configuration says of it.</param>
    /// <exception cref="BackupException">It is none.</exception>
    public static IStoreSettings Bind(AgentKinds kinds, MappingNode keys)
    {
        var problems = new ProblemList(AgentBinder.LevelsOf(kinds));
        var store = kinds.Stores.Bind(StoreName, new Section(KeyPath.Join("stores", StoreName), line: 0, keys, problems), "/");
        var errors = problems.InFileOrder().Where(problem => problem.IsError).ToList();
        return store is not null && errors.Count == 0 ? store : throw new BackupException(
            FailureKind.Configuration, $"the store can't be used: {string.Join("; ", errors.Select(problem => problem.Text))}", "nexus-backup recover --help has examples");
    }

    /// <param name="store">Its keys, and what they may be instead, for a person to take over.</param>
    /// <param name="shown">Its address, for people.</param>
    public static string Write(SurveyedStore found, (MappingNode Keys, MappingNode? Offered) store, string shown, DateTimeOffset now)
    {
        var text = new StringBuilder();
        Line($"# Made by nexus-backup recover from {LineText.Of(shown)}, {now.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.");
        Line("# Who may write to the store may have written what this file says. Look at each place, server and password file before any other");
        Line("# command: check-config already connects to them, and sends what a password file that is a key holds. Take out what is not yours.");
        Line("# No source has schedules: nothing is backed up, and no backup is removed. To protect a source again, write its schedules:");
        Line("# and take purpose: restore out (docs/configuration.md).");
        Line(found.TimeZone is { } zone ? $"timeZone: {DocumentText.Scalar(zone)}" : "# timeZone: Asia/Tokyo   # that of the lost machine; no manifest says it");
        Line("purpose: restore");
        Line("stores:");
        Line($"  {StoreName}:");
        Lines(store.Keys, "    ");
        if (store.Offered is { } offered)
        {
            Line("    # its bucket, or what lies in it, has locks: if the agent is to lock backups so, write in place of that");
            Lines(offered, "    # ");
        }

        Line("sources:");
        foreach (var source in found.Sources)
        {
            Line($"  {DocumentText.Scalar(source.Name)}:");
            if (source.Origin is { } origin)
            {
                Line($"    # on {LineText.Of(origin.Host)} when it was last backed up");
                var (open, secret) = source.Kind.WithoutSecretFiles(source.Keys);
                Lines(open, "    ");
                if (secret.Entries.Count > 0)
                {
                    // The file is not in the store, and a restore to a directory needs none.
                    Line("    # where its server asks for a password: make the file anew, look whether server and file are yours, and make this line a key");
                    Lines(secret, "    # ");
                }
            }
            else
            {
                Line($"    # no manifest says where it was: write it here, for example {source.Kind.Example}");
                Lines(source.Keys with { Entries = [.. source.Keys.Entries.Select(entry => entry.Key == source.Kind.Key ? entry with { Value = new ScalarNode(Line: 0, "", IsNull: true) } : entry)] }, "    ");
            }

            // Whoever may write to the store may name a recipient of his own: so it is for a person to take over.
            if (source.Backups is [{ Manifest.Encryption: { Recipients: { Count: > 0 } recipients } }, ..])
            {
                Line("    # its newest backup is encrypted, and restored with --identity FILE; to go on so, look whether these are your recipients:");
                Line($"    # encryption: {{age: {{recipients: [{string.Join(", ", recipients.Select(DocumentText.Scalar))}]}}}}");
            }

            if (source.Directory != source.Name)
                Line($"    directory: {DocumentText.Scalar(source.Directory.Length == 0 ? "." : source.Directory)}");
        }

        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
        void Lines(MappingNode keys, string indent) => DocumentText.Lines(keys, indent).ToList().ForEach(Line);
    }

    /// <summary>Makes the file, for its owner alone.</summary>
    /// <exception cref="BackupException">It exists already, or can't be made.</exception>
    public static void Save(string file, string text)
    {
        try
        {
            using var made = SafeFile.Create(file, OwnersFile);
            try
            {
                RandomAccess.Write(made, Encoding.UTF8.GetBytes(text), fileOffset: 0);
            }
            catch
            {
                SafeFile.Delete(file);
                throw;
            }
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw FileStatus.Of(file) is null ? IoFailure.Translate(failure, $"make '{file}'", file) : Taken(file, failure);
        }
    }

    public static BackupException Taken(string file, Exception? cause = null) =>
        new(FailureKind.Configuration, $"'{file}' exists already, and is not overwritten", "name another file: --to FILE", cause);
}
