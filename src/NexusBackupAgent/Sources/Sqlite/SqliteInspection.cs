using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Looks at a database as an operator would.</summary>
/// <param name="path">The database.</param>
/// <param name="companions">Endings of the files beside a database that belong to it.</param>
internal sealed class SqliteInspection(string path, IReadOnlyList<string> companions) : ISourceInspection
{
    private const string Check = "PRAGMA integrity_check";

    private readonly string directory = Path.GetDirectoryName(path)!;

    public bool Exists => File.Exists(path);

    /// <summary>Of the same second the names differ by a number; what lies beside a copy is part of it.</summary>
    public IReadOnlyList<string> SafetyCopies
    {
        get
        {
            try
            {
                return [.. Directory.EnumerateFiles(directory)
                    .Where(file => file.StartsWith(path + ".pre_restore.", StringComparison.Ordinal) && !companions.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
                    .OrderDescending(StringComparer.Ordinal)];
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure))
            {
                return []; // that the directory can't be read is told of the database
            }
        }
    }

    public HeldDeleted? HeldDeleted => DeletedDatabase.Find(path);

    public string CheckName => Check;

    public string? CommandFor(SourceQuestion question) => question switch
    {
        SourceQuestion.WhatIsThere => ToolProcess.Line(["ls", "-la", directory]),
        SourceQuestion.WhichDisk => ToolProcess.Line(["findmnt", "-T", directory]),
        SourceQuestion.WhoMayReachIt => ToolProcess.Line(["namei", "-l", path]),
        SourceQuestion.WhoUsesIt => ToolProcess.Line(["sudo", "fuser", "-v", path]),
        SourceQuestion.IsItWhole => ToolProcess.Line(["sqlite3", path, Check]),
        _ => null,
    };

    public string CheckCommand(string safetyCopy) => ToolProcess.Line(["sqlite3", "-readonly", safetyCopy, Check]);
}
