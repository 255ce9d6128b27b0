using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Cli.Demo;

/// <summary>The directory of a demonstration: database, configuration, backups and journal, nothing anywhere else.</summary>
internal sealed class DemoDirectory
{
    private const int UsualPort = 9440;

    // What says that a directory was made by a demonstration and may be used by the next.
    private const string Mark = ".nexus-backup-demo";

    private DemoDirectory(string path) => Path = path;

    public string Path { get; }

    public string Database => System.IO.Path.Combine(Path, "itsm_nexus.db");

    public string Configuration => System.IO.Path.Combine(Path, "nexus-backup.yml");

    /// <summary>Of the user <c>admin</c>, another one for each demonstration.</summary>
    public string Password { get; } = RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyz23456789", 12);

    public string Backups => System.IO.Path.Combine(Path, "backups");

    /// <param name="path">Where; null: a new directory under the temporary one.</param>
    /// <exception cref="BackupException">Something is there that no demonstration made.</exception>
    public static DemoDirectory Open(string? path)
    {
        try
        {
            var directory = new DemoDirectory(path ?? Directory.CreateTempSubdirectory("nexus-backup-demo-").FullName);
            if (Directory.Exists(directory.Path) && Directory.EnumerateFileSystemEntries(directory.Path).Any() && !File.Exists(directory.In(Mark)))
                throw Refused(directory.Path, "is not empty and was not made by a demo");
            if (File.Exists(directory.Path))
                throw Refused(directory.Path, "is a file");
            Directory.CreateDirectory(directory.Backups);
            File.WriteAllText(directory.In(Mark), "made by nexus-backup demo; the whole directory may be deleted\n");
            return directory;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"make the demo directory '{path}'", System.IO.Path.GetDirectoryName(path) ?? System.IO.Path.GetTempPath());
        }
    }

    /// <summary>Writes the configuration anew: the port that was free last time may be taken now.</summary>
    /// <returns>The text.</returns>
    public string WriteConfiguration()
    {
        var text = $$"""
            timeZone: Asia/Tokyo
            listen: http://127.0.0.1:{{FreePort()}}
            users:
              admin: {password: "{{PasswordHash.Of(Password)}}", role: admin}
            stores:
              local: {path: backups}
            sources:
              itsm:
                sqlite: itsm_nexus.db
                store: local
                directory: .
                schedules:
                  minute:  {cron: "* * * * *", type: full, retention: 1h}     # so that you see it work
                  daily:   {cron: "0 2 * * *", type: full, retention: 7d}
                  weekly:  {cron: "0 3 * * 0", type: full, retention: 4w}
                  monthly: {cron: "0 4 1 * *", type: full, retention: 12mo}
                rpo: {warning: 24h, critical: 48h}

            """;
        File.WriteAllText(Configuration, text);
        return text;
    }

    /// <summary>Makes the sample database unless an earlier demonstration did; one that was left unfinished is made anew.</summary>
    /// <returns>False when it was there.</returns>
    public bool MakeDatabase(int megabytes, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        if (File.Exists(Database))
            return false;
        var unfinished = Database + ".unfinished";
        File.Delete(unfinished);
        try
        {
            SampleDatabase.Create(unfinished, megabytes, progress, cancellationToken);
        }
        catch (SqliteException failure)
        {
            throw new BackupException(
                SqliteFailure.Translate(failure, Database).Kind,
                $"cannot make the sample database '{Database}': {SqliteError.Reason(failure)}",
                $"look at the disk (df -h '{Path}'), or choose another with --directory, or less with --size",
                failure);
        }

        File.Move(unfinished, Database);
        return true;
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);

    private static int FreePort()
    {
        try
        {
            return Probe(UsualPort);
        }
        catch (SocketException)
        {
            return Probe(0);
        }
    }

    private static int Probe(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static BackupException Refused(string path, string why) =>
        new(FailureKind.Configuration, $"'{path}' {why}", "name another directory with --directory, or leave it out");
}
