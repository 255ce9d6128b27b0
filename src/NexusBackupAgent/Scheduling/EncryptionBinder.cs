using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads and checks <c>encryption:</c>.</summary>
/// <param name="baseDirectory">Where relative paths begin.</param>
internal sealed class EncryptionBinder(string baseDirectory)
{
    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.encryption", "age");

    /// <summary>The level of the tool.</summary>
    public static readonly LevelKeys AgeKeys = new("sources.<name>.encryption.age", "recipients", "recipientsFile", "identityFile", "binDirectory");

    private const string Example = "encryption: {age: {recipients: [age1…]}}";
    private const string RecipientExample = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudz3sxq7jtrh5";

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <param name="settings">What is protected; null: that is not known.</param>
    /// <returns>Null when nothing is encrypted.</returns>
    public Encryption? Bind(Section source, ISourceSettings? settings, IReadOnlyList<ScheduleConfiguration> schedules)
    {
        if (source.Find("encryption") is not { } field || field.Section(Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        if (section.Find("age") is not { } tool)
        {
            section.Error("it does not say how to encrypt", $"write for example {Example}");
            return null;
        }

        if (tool.Section(Example) is not { } age)
            return null;
        AgeKeys.ReportOthers(age);
        var (recipients, file) = (age.Find("recipients"), age.Find("recipientsFile"));
        if (recipients is null == file is null)
            age.Error(recipients is null ? "it names no recipient" : "it names recipients twice", "write recipients: [age1…], which age-keygen -y FILE prints, or recipientsFile: FILE with one a line");
        var encryption = new Encryption(
            [.. (recipients?.OneOrMany() ?? []).Select(Recipient).OfType<string>().Distinct(StringComparer.Ordinal)],
            Path(file, "recipients.txt"),
            Path(age.Find("identityFile"), "/etc/nexus-backup/age.key"),
            Path(age.Find("binDirectory"), "/usr/local/bin"));
        if (recipients is { Node: ListNode { Items.Count: 0 } })
            recipients.Error("is empty, so nobody could read the backups", $"write for example recipients: [{RecipientExample}]");
        ReportWhatCannotBe(source, field, encryption, settings, schedules);
        return encryption;
    }

    /// <summary>What would keep it from working: the tool, the recipients, the keys that are here, and whether a key was ever tried. Of a source that is not to be encrypted: whether its backups were.</summary>
    /// <param name="catalogs">Of its members, in each of their stores.</param>
    public static IEnumerable<ConfigurationProblem> Check(SourceConfiguration source, IReadOnlyList<BackupCatalog> catalogs) =>
        source.Encryption is { } encryption ? Check(source.Name, encryption, catalogs) : CheckPlain(source.Name, catalogs);

    private static IEnumerable<ConfigurationProblem> Check(string source, Encryption encryption, IReadOnlyList<BackupCatalog> catalogs)
    {
        var failures = encryption.Failures().ToList();
        foreach (var (key, failure) in failures)
            yield return new ConfigurationProblem(KeyPath.Join("sources", source, "encryption", "age", key), Line: 0, Value: null, failure.Message, failure.Hint);
        if (encryption.IdentityFile is { } identity)
        {
            var path = KeyPath.Join("sources", source, "encryption", "age", "identityFile");
            if (FileStatus.Of(identity) is not { } found)
                yield return new ConfigurationProblem(path, Line: 0, identity, "there is no such file, so drills and restores fail", "put the file there that age-keygen wrote, or leave the key out: then drills and restores take --identity FILE", IsError: false);
            else if (failures.Count == 0 && KeyObjection(encryption, identity) is var (reason, hint))
                yield return new ConfigurationProblem(path, Line: 0, identity, reason, hint);
            else if ((found.Mode & Others) != UnixFileMode.None)
                yield return new ConfigurationProblem(path, Line: 0, identity, "other users may read or write the key", $"chmod 600 '{identity}'", IsError: false);
        }

        if (!catalogs.Any(catalog => HasPassedDrill(catalog, encryption.KnownRecipients())))
        {
            yield return new ConfigurationProblem(
                KeyPath.Join("sources", source, "encryption"), Line: 0, Value: null,
                "none of its backups has passed a restore drill with the key: whoever loses the key loses every backup, and nobody has seen that it opens one",
                $"keep the key in two places that are not this machine; after the first backup, where the key is: nexus-backup drill '{source}' --identity FILE",
                IsError: false);
        }
    }

    private static IEnumerable<ConfigurationProblem> CheckPlain(string source, IReadOnlyList<BackupCatalog> catalogs)
    {
        if (catalogs.Any(HoldsEncrypted))
        {
            yield return new ConfigurationProblem(
                KeyPath.Join("sources", source, "encryption"), Line: 0, Value: null,
                "stored backups are encrypted, new ones are not", "write encryption: as it was, or leave it so: this ends when the last of those backups is removed", IsError: false);
        }
    }

    /// <summary>By their names, so that it takes one listing.</summary>
    private static bool HoldsEncrypted(BackupCatalog catalog)
    {
        try
        {
            return catalog.Store.ListAsync(catalog.Directory, CancellationToken.None).GetAwaiter().GetResult().Any(file => BackupFiles.ArtifactOfManifest(file.Name) is { } artifact && EncryptedName.Is(artifact));
        }
        catch (Exception unread) when (IoFailure.IsKnown(unread) || unread is BackupException)
        {
            return false; // that the store can't be read its own check tells
        }
    }

    private static bool HasPassedDrill(BackupCatalog catalog, IReadOnlyList<string> recipients)
    {
        try
        {
            return catalog.ListAsync(CancellationToken.None).GetAwaiter().GetResult().Any(backup => backup.ProvesKeyOf(recipients));
        }
        catch (BackupException)
        {
            return false; // that the store can't be read its own check tells
        }
    }

    /// <summary>A key here that opens no backup would be as good as none, and nobody would know it before the restore.</summary>
    private static (string Reason, string Hint)? KeyObjection(Encryption encryption, string identity)
    {
        try
        {
            var own = AgeTool.RecipientsOfAsync(encryption.BinDirectory, identity, TimeProvider.System, CancellationToken.None).GetAwaiter().GetResult();
            return own.Count == 0 ? ("age-keygen -y reads no key in it, as when a passphrase protects it or this user may not read it", "name a key that needs no passphrase and that the agent's user may read, or leave it out: then drills and restores take --identity FILE")
                : own.Intersect(encryption.ReadRecipients(), StringComparer.Ordinal).Any() ? null
                : ($"it is the key of {AgeRecipient.Shown(own)}, and the backups are encrypted to {AgeRecipient.Shown(encryption.ReadRecipients())}", "name the key of one of the recipients, or add its recipient (age-keygen -y FILE shows it)");
        }
        catch (BackupException failure)
        {
            return (failure.Message, failure.Hint);
        }
    }

    /// <summary>A secret key that stands here by mistake is shown in no message.</summary>
    private static string? Recipient(Field field) =>
        (field.Node is ScalarNode { Text: var text } && AgeRecipient.IsSecret(text) ? field with { IsSecret = true } : field).Parse<string?>(AgeRecipient.Parse, fallback: null, RecipientExample);

    private string? Path(Field? field, string example) => field?.Parse<string?>(text => PathText.Parse(text, baseDirectory), fallback: null, example);

    private static void ReportWhatCannotBe(Section source, Field field, Encryption encryption, ISourceSettings? settings, IReadOnlyList<ScheduleConfiguration> schedules)
    {
        if (settings is { KeepsElsewhere: true })
            field.Error("has no meaning for what is kept elsewhere than in the store, where it would lie as it is", "keep it in the store instead, where this kind can, or leave encryption out and let the server encrypt");
        if (encryption.IdentityFile is not null)
            return;
        if (settings is { IncrementsReadBase: true } && schedules.FirstOrDefault(schedule => schedule.Type != BackupType.Full) is { } schedule)
            field.Error($"schedule {schedule.Name} is {schedule.Type.Word()}, and such a backup of this kind reads what the one before it holds, which no key here opens", "make it type: full, or name the key with identityFile");
        if (source.Find("drill") is { Node: MappingNode } drill && drill.Section("drill: {}")?.Find("cron") is { } cron)
            cron.Error("a drill decrypts, and no key is here", $"leave it out and run nexus-backup drill --identity FILE where the key is, or name the key with identityFile");
    }
}
