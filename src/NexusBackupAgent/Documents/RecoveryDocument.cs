using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>recover --json</c> prints.</summary>
/// <param name="Store">Its address.</param>
/// <param name="Configuration">The file that was made.</param>
/// <param name="Troubles">What lies there and could not be taken, with the next step.</param>
/// <param name="Next">The command to type next.</param>
internal sealed record RecoveryDocument(string Store, string Configuration, IReadOnlyList<RecoveredSourceDocument> Sources, IReadOnlyList<TroubleDocument> Troubles, string Next)
{
    public static RecoveryDocument Of(string store, string configuration, SurveyedStore found, DateTimeOffset now, string next) =>
        new(store, configuration, [.. found.Sources.Select(source => RecoveredSourceDocument.Of(source, now))], [.. found.Troubles.Select(trouble => new TroubleDocument(trouble.Message, trouble.Hint))], next);
}

/// <param name="Directory">In the store; empty for the store itself.</param>
/// <param name="Place">Where it was; null: no manifest says it, and it is to be filled in.</param>
/// <param name="Host">The machine it was on.</param>
/// <param name="Backups">How many there are.</param>
/// <param name="NewestGood">Null: none was verified and found good.</param>
internal sealed record RecoveredSourceDocument(string Source, string Kind, string Directory, string? Place, string? Host, int Backups, NewestGoodDocument? NewestGood)
{
    public static RecoveredSourceDocument Of(SurveyedSource source, DateTimeOffset now) => new(
        source.Name, source.Kind.Key, source.Directory, source.Place, source.Origin?.Host, source.Backups.Count,
        source.Backups.NewestGood(now) is { } newest ? new NewestGoodDocument(newest.Id.Value, newest.File, newest.CapturedAt.ToUniversalTime()) : null);
}

internal sealed record NewestGoodDocument(string Id, string File, DateTimeOffset CapturedAt);

internal sealed record TroubleDocument(string Message, string Next);
