namespace NexusBackupAgent.Tests.Http;

/// <summary>One route, and what it answers whom.</summary>
/// <param name="Path">As it is asked for, with values for its parameters.</param>
/// <param name="Nobody">Without a token.</param>
public sealed record RouteRow(string Method, string Pattern, string Path, int Nobody, int Viewer, int Operator, int Admin, string? Body = null)
{
    public override string ToString() => $"{Method} {Path}";
}

/// <summary>Every route of the agent. A test fails when one is missing.</summary>
public static class RouteTable
{
    private const string NoBackup = "20260101T000000Z-000000";

    public static IReadOnlyList<RouteRow> Rows { get; } =
    [
        // who may what:                                                       nobody viewer operator admin
        new("GET", "/", "", 200, 200, 200, 200),
        new("GET", "/assets/{**path}", "assets/app.js", 200, 200, 200, 200),
        new("GET", "/metrics", "metrics", 200, 200, 200, 200),
        new("GET", "/-/healthy", "-/healthy", 200, 200, 200, 200),
        new("GET", "/-/ready", "-/ready", 200, 200, 200, 200),
        new("GET", "/openapi/{documentName}.json", "openapi/v1.json", 200, 200, 200, 200),
        new("GET", "/docs", "docs", 200, 200, 200, 200),
        new("GET", "/docs/scalar/{documentName?}", "docs/scalar/", 200, 200, 200, 200),
        new("GET", "/docs/scalar/favicon.svg", "docs/scalar/favicon.svg", 200, 200, 200, 200),
        new("GET", "/docs/scalar/scalar.js", "docs/scalar/scalar.js", 200, 200, 200, 200),
        new("GET", "/docs/scalar/scalar.aspnetcore.js", "docs/scalar/scalar.aspnetcore.js", 200, 200, 200, 200),
        new("GET", "/api/v1/health", "api/v1/health", 200, 200, 200, 200),
        new("POST", "/api/v1/auth/login", "api/v1/auth/login", 400, 400, 400, 400, "{}"),
        new("POST", "/api/v1/auth/logout", "api/v1/auth/logout", 204, 204, 204, 204),
        new("POST", "/api/v1/auth/renew", "api/v1/auth/renew", 401, 403, 403, 403),
        new("GET", "/api/v1/auth/me", "api/v1/auth/me", 200, 200, 200, 200),
        new("GET", "/api/v1/status", "api/v1/status", 401, 200, 200, 200),
        new("GET", "/api/v1/sources", "api/v1/sources", 401, 200, 200, 200),
        new("GET", "/api/v1/sources/{source}", "api/v1/sources/itsm", 401, 200, 200, 200),
        new("GET", "/api/v1/sources/{source}/days", "api/v1/sources/itsm/days?count=3", 401, 200, 200, 200),
        new("GET", "/api/v1/schedules", "api/v1/schedules", 401, 200, 200, 200),
        new("GET", "/api/v1/backups", "api/v1/backups", 401, 200, 200, 200),
        new("GET", "/api/v1/backups/{id}", $"api/v1/backups/{NoBackup}", 401, 404, 404, 404),
        new("GET", "/api/v1/backups/{id}/contents", $"api/v1/backups/{NoBackup}/contents", 401, 403, 404, 404),
        new("GET", "/api/v1/backups/{id}/artifact", $"api/v1/backups/{NoBackup}/artifact", 401, 403, 404, 404),
        new("GET", "/api/v1/backups/{id}/sha256", $"api/v1/backups/{NoBackup}/sha256", 401, 403, 404, 404),
        new("POST", "/api/v1/backup", "api/v1/backup", 401, 403, 404, 404, """{"source":"none"}"""),
        new("GET", "/api/v1/runs", "api/v1/runs", 401, 200, 200, 200),
        new("GET", "/api/v1/runs/{id}", "api/v1/runs/999999", 401, 404, 404, 404),
        new("GET", "/api/v1/runs/{id}/events", "api/v1/runs/999999/events", 401, 404, 404, 404),
        new("POST", "/api/v1/verify", "api/v1/verify", 401, 403, 404, 404, """{"source":"none"}"""),
        new("POST", "/api/v1/drill", "api/v1/drill", 401, 403, 404, 404, """{"source":"none"}"""),
        new("POST", "/api/v1/prune", "api/v1/prune", 401, 200, 200, 200, """{"dryRun":true}"""),
        new("POST", "/api/v1/prune", "api/v1/prune", 401, 403, 403, 404, """{"source":"none"}"""),
        new("POST", "/api/v1/restore/plan", "api/v1/restore/plan", 401, 403, 403, 404, """{"source":"none"}"""),
        new("POST", "/api/v1/restore", "api/v1/restore", 401, 403, 403, 404, """{"planId":"none"}"""),
        new("POST", "/api/v1/checklist", "api/v1/checklist", 401, 403, 404, 404, """{"source":"none"}"""),
        new("POST", "/api/v1/diagnose", "api/v1/diagnose", 401, 403, 404, 404, """{"source":"none"}"""),
        new("GET", "/api/v1/report", "api/v1/report", 401, 200, 200, 200),
        new("GET", "/api/v1/config", "api/v1/config", 401, 403, 403, 200),
        new("GET", "/api/v1/audit", "api/v1/audit", 401, 403, 403, 200),
    ];

    public static TheoryData<RouteRow> All => [.. Rows];

    /// <summary>Those that ask who it is.</summary>
    public static TheoryData<RouteRow> Closed => [.. Rows.Where(row => row.Nobody == 401)];
}
