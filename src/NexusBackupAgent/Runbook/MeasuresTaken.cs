using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Runbook;

/// <summary>実施済み対応: what was done by hand, and what the agent did against the trouble. Pure.</summary>
internal static class MeasuresTaken
{
    /// <param name="operations">Since the trouble began.</param>
    /// <returns>Oldest first. Neither a scheduled run nor a hook is a measure. All readings that found nothing wrong are one, those of diagnose and checklist included.</returns>
    public static IReadOnlyList<Measure> Of(IReadOnlyList<Operation> operations) =>
    [
        .. operations.Where(operation => IsMeasure(operation) && !IsGoodReading(operation))
            .Select(operation => new Measure(operation.StartedAt, NameOf(operation.Kind), DetailOf(operation), operation.EndedAt is null ? null : operation.Succeeded))
            .Concat(GoodReadings([.. operations.Where(IsGoodReading)]))
            .OrderBy(measure => measure.At),
    ];

    private static bool IsMeasure(Operation operation) => operation switch
    {
        { Kind: OperationKind.Hook } or { Kind: OperationKind.Copy, Asker: null } => false,
        { Kind: OperationKind.Verification, StoredBytes: not null, Succeeded: true } => false, // it looked into none
        { Kind: OperationKind.Backup } => operation.Schedule == BackupManifest.ManualSchedule,
        _ => true,
    };

    private static bool IsGoodReading(Operation operation) => operation is { Kind: OperationKind.Verification, Succeeded: true, StoredBytes: null };

    /// <summary>The last one, and how many they were.</summary>
    private static IEnumerable<Measure> GoodReadings(IReadOnlyList<Operation> readings)
    {
        if (readings.Count == 0)
            yield break;
        var name = NameOf(OperationKind.Verification);
        var counted = readings.Count == 1 ? name : new Bilingual($"{name.English} ({readings.Count} times)", $"{name.Japanese}（{readings.Count}回）");
        yield return new Measure(readings[^1].StartedAt, counted, DetailOf(readings[^1]), Succeeded: true);
    }

    private static string DetailOf(Operation operation) => operation.Failure is { } failure ? failure.Brief ?? failure.Message : operation.Detail;

    private static Bilingual NameOf(OperationKind kind) => kind switch
    {
        OperationKind.Backup => new("manual backup", "手動バックアップ"),
        OperationKind.Verification => new("verification", "バックアップ検証"),
        OperationKind.VerificationRound => new("scheduled verification", "定期バックアップ検証"),
        OperationKind.Quarantine => new("corrupt backup set aside", "破損バックアップの保全（リネーム）"),
        OperationKind.Acceptance => new("deletion of backups accepted", "バックアップの削除を承認"),
        OperationKind.Restore => new("restore", "リストア"),
        OperationKind.Drill => new("restore drill", "リストア訓練"),
        OperationKind.Copy => new("copies to further stores", "他の格納先へのコピー"),
        OperationKind.Prune => new("expired backups removed", "保持期間超過バックアップの削除"),
        _ => Bilingual.Same(kind.ToString()),
    };
}
