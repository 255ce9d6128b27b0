using System.Text.Json.Serialization;

namespace NexusBackupAgent.Documents;

/// <summary>What signing in answers.</summary>
/// <param name="Role"><c>viewer</c>, <c>operator</c> or <c>admin</c>.</param>
internal sealed record SessionDocument(string Token, string ExpiresAt, string User, string Role);

/// <summary>Who asks, and what the answer to him may be.</summary>
/// <param name="User">Null when nobody is signed in.</param>
/// <param name="Role">Null when nothing may be read.</param>
/// <param name="Source">The only source that the token is for; null: all.</param>
/// <param name="Can">Words: <c>read</c>, <c>backup</c>, <c>verify</c>, <c>drill</c>, <c>download</c>, <c>restore</c>, <c>prune</c>, <c>configure</c>, <c>audit</c>.</param>
/// <param name="Reason">Why not more; null when there is nothing to say.</param>
/// <param name="TimeZone">Of the configuration; null when nothing may be read, as is the version.</param>
internal sealed record MeDocument(string? User, string? Role, string? Source, IReadOnlyList<string> Can, string? ExpiresAt, string? Reason, string? TimeZone, string? Version);

/// <summary>Somebody signs in.</summary>
/// <param name="Session">Whether a browser keeps the session in a cookie.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record LoginRequest(string Username, string Password, bool Session = false);

/// <param name="Source">Only this one; absent: all.</param>
/// <param name="Type"><c>full</c> (the default), <c>differential</c> or <c>incremental</c>.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record BackupRequest(string? Source = null, string? Type = null);

/// <param name="Id">Only this backup.</param>
/// <param name="All">Every backup of the sources, not only the newest of each.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record VerifyRequest(string? Source = null, string? Id = null, bool All = false);

/// <summary>Names a source; absent: all.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SourceRequest(string? Source = null);

/// <param name="DryRun">Whether only what would go is told.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record PruneRequest(string? Source = null, bool DryRun = false);

/// <param name="Id">This backup and no other.</param>
/// <param name="At">The newest captured at or before this time.</param>
/// <param name="To">An absolute path; absent: over the live source.</param>
/// <param name="Tablespaces">Of a cluster: the directory that each had, and the one that it gets; those that are not named go where they were.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RestorePlanRequest(string Source, string? Id = null, string? At = null, string? To = null, IReadOnlyDictionary<string, string>? Tablespaces = null, IReadOnlyList<string>? Paths = null, bool Delete = false, string? Owner = null);

/// <summary>A plan that can be carried out until it expires.</summary>
internal sealed record PlannedDocument(string PlanId, string ExpiresAt, RestoreDocument Plan);

/// <param name="Force">Whether what is there may be replaced; it is kept beside.</param>
/// <param name="Confirm">The source's name, where something is replaced.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RestoreOrder(string PlanId, bool Force = false, string? Confirm = null);

/// <summary>The configuration as the file has it, secrets masked, and what is wrong with it now.</summary>
/// <param name="Settings">The file's own keys and values.</param>
internal sealed record SettingsDocument(string File, System.Text.Json.Nodes.JsonNode? Settings, ConfigurationDocument Check);
