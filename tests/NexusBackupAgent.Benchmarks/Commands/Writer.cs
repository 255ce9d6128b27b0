using System.Diagnostics;
using NexusBackupAgent.Benchmarks.Data;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>One commit of the writer.</summary>
/// <param name="EndedAt">Timestamp of the machine's monotonic clock (<see cref="Stopwatch.GetTimestamp"/>), the same for all processes.</param>
/// <param name="Milliseconds">From when it was due to when it was durable.</param>
internal readonly record struct Commit(long EndedAt, double Milliseconds);

/// <summary>
/// The application in a process of its own: commits 100 times a second until it is told to stop. Each transaction does
/// what closing a ticket does: an update with two indexes, a comment, a line in the audit log.
/// </summary>
internal static class Writer
{
    private const int Rate = 100;
    private const int MostTickets = 40_000; // fewer than the smallest database has

    /// <param name="database">Opened with SQLite's defaults: commits are durable (synchronous=FULL).</param>
    /// <param name="record">Where the commits are written when standard input ends.</param>
    public static void Run(string database, string record)
    {
        using var stopped = new ManualResetEventSlim();
        new Thread(() => Await(stopped)) { IsBackground = true }.Start();
        using var connection = ItsmDatabase.Open(database);
        ItsmDatabase.Execute(connection, "PRAGMA busy_timeout = 60000");
        var text = new ItsmText(new Random(7));
        var commits = new List<Commit>();
        var due = Stopwatch.GetTimestamp();
        while (!stopped.IsSet)
        {
            // A commit that starts late because the one before it had to wait has been waiting, too.
            var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            var from = due;
            if (wait > TimeSpan.Zero)
            {
                stopped.Wait(wait);
                from = Stopwatch.GetTimestamp();
            }

            ItsmDatabase.Execute(connection, Transaction(text));
            commits.Add(new Commit(Stopwatch.GetTimestamp(), Stopwatch.GetElapsedTime(from).TotalMilliseconds));
            due += Stopwatch.Frequency / Rate;
        }

        File.WriteAllLines(record, commits.Select(commit => $"{commit.EndedAt} {commit.Milliseconds:R}"));
    }

    public static IReadOnlyList<Commit> Read(string record) =>
        [.. File.ReadLines(record).Select(line => line.Split(' ')).Select(fields => new Commit(long.Parse(fields[0]), double.Parse(fields[1])))];

    private static string Transaction(ItsmText text)
    {
        var ticket = text.Random.Next(1, MostTickets);
        return $"""
            BEGIN IMMEDIATE;
            UPDATE tickets SET status = '解決', updated_at = '{text.Instant()}' WHERE id = {ticket};
            INSERT INTO comments VALUES (NULL, {ticket}, 'writer@example.jp', '{text.Sentence(30)}', '{text.Instant()}');
            INSERT INTO audit_log VALUES (NULL, '{text.Instant()}', 'writer@example.jp', 'ticket.close', {ticket}, '', randomblob(32));
            COMMIT;
            """;
    }

    private static void Await(ManualResetEventSlim stopped)
    {
        Console.In.ReadToEnd();
        stopped.Set();
    }
}
