using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// Whether a manifest agrees with itself and with what bears it. Its seal binds every byte; this binds what a manifest of an
/// earlier version, which has none, can be held to, and keeps a forged one from doing harm. Pure.
/// </summary>
internal static partial class ManifestAgreement
{
    private const int Digits = 64;
    private const int TimeLength = 15; // yyyyMMdd_HHmmss

    /// <summary>Bytes; nothing that exists is larger, and sums of a few hundred such lengths overflow nothing.</summary>
    private const long LargestLength = 1L << 50;

    private const int MostParts = 256;

    /// <summary>Of a place's clock before and behind UTC. The zone may have been another one when the file was named.</summary>
    private static readonly TimeSpan FarthestZone = TimeSpan.FromHours(14);

    private static readonly TimeSpan ZoneStep = TimeSpan.FromMinutes(15);

    /// <summary>Why it is not believed, as it follows a colon; null when nothing speaks against it.</summary>
    /// <param name="formats">How its source's artifacts are named. What kind it is of nobody asks: the configuration says that.</param>
    public static string? ObjectionTo(BackupManifest manifest, ArtifactFormats formats) => manifest switch
    {
        { FormatVersion: < 1 } => $"there is no format version {manifest.FormatVersion}",
        _ when !Identity().IsMatch(manifest.Id.Value) => "its id is none",
        _ when !manifest.CapturedAt.IsPlausible() || !manifest.Id.IsOf(manifest.CapturedAt) => $"its id {manifest.Id} is not of the second that it says was captured ({manifest.CapturedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'})",
        { Source: "" } or { Schedule: "" } => "it names no source or no schedule",
        _ when NameObjection(manifest) is { } objection => objection,
        _ when !Enum.IsDefined(manifest.Type) || !Enum.IsDefined(manifest.Encoding) => "it names a type or an encoding that there is not",
        _ when formats.TryOf(manifest.Type) is { } format && !manifest.File.EndsWith(format.Extension, StringComparison.Ordinal) => $"it says type {manifest.Type.Word()}, and {manifest.File} is none by its name",
        _ when manifest.Base is null != (manifest.Type == BackupType.Full) => manifest.Base is null ? "it does not say what it builds on" : "it is full and builds on another one",
        { Base: { } id } when !Identity().IsMatch(id.Value) => "the id of what it builds on is none",
        _ when !IsDigest(manifest.Content) || !IsDigest(manifest.Stored) || manifest.Restored is { } restored && !IsDigest(restored) => "one of its lengths or SHA-256 can't be one",
        _ => PartsObjection(manifest),
    };

    /// <summary>Whether an instant is one that a clock may have shown, and can be reckoned with.</summary>
    public static bool IsPlausible(this DateTimeOffset instant) => instant.UtcDateTime.Year is >= 1970 and < 9000;

    private static string? NameObjection(BackupManifest manifest)
    {
        if (manifest.Adopted)
        {
            return manifest.Id == BackupId.ForAdopted(manifest.CapturedAt, manifest.File) && manifest is { Schedule: BackupManifest.ManualSchedule, Type: BackupType.Full }
                ? null
                : $"it says that {manifest.File} was adopted, and its id, schedule or type are not those of such a file";
        }

        var prefix = manifest.Schedule + "_";
        if (!manifest.File.StartsWith(prefix, StringComparison.Ordinal))
            return $"it says schedule {manifest.Schedule}, and {manifest.File} is not of that by its name";
        return DateTime.TryParseExact(manifest.File.AsSpan(prefix.Length, Math.Min(TimeLength, manifest.File.Length - prefix.Length)), BackupFiles.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local)
            && (local - WholeSecond(manifest.CapturedAt)).Duration() is var ahead && ahead <= FarthestZone && ahead.Ticks % ZoneStep.Ticks == 0
            ? null
            : $"it says that {manifest.CapturedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} was captured, and {manifest.File} is of another time by its name";
    }

    private static string? PartsObjection(BackupManifest manifest)
    {
        if (manifest.Parts.Count > MostParts || manifest.Parts.Any(part => part is null)) // a reader's annotations reach no member of a list
            return $"it names {manifest.Parts.Count} parts, or one that is none";
        if (manifest.Parts.FirstOrDefault(part => !PartName().IsMatch(part.Name) || BackupFiles.CompanionsOf("").Contains("." + part.Name, StringComparer.Ordinal) || BackupFiles.IsSetAside("." + part.Name)) is { } odd)
            return $"no part is called {odd.Name}";
        if (manifest.Parts.Any(part => !IsDigest(part.Content) || !IsDigest(part.Stored) || !Enum.IsDefined(part.Encoding)))
            return "one of its parts' lengths, SHA-256 or encodings can't be one";
        return manifest.PartNames.Distinct(StringComparer.Ordinal).Count() == manifest.Parts.Count ? null : "it names a part twice";
    }

    private static bool IsDigest(ArtifactDigest digest) =>
        digest.Length is >= 0 and <= LargestLength && digest.Sha256 is { Length: Digits } sha256 && sha256.All(char.IsAsciiHexDigitLower);

    private static DateTime WholeSecond(DateTimeOffset instant) => new(instant.UtcTicks - (instant.UtcTicks % TimeSpan.TicksPerSecond));

    [GeneratedRegex(@"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}\z")]
    private static partial Regex Identity();

    /// <summary>No way out of the directory, and nothing that a terminal would take for a command.</summary>
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex PartName();
}
