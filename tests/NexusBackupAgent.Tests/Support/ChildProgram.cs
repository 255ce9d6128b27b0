using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What this assembly does when a test starts it as a program.</summary>
internal static class ChildProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["peak-memory", var engine, var mebibytes]:
                await MoveAsync(GzipEngine.Available.Single(available => available.Name == engine), int.Parse(mebibytes, System.Globalization.CultureInfo.InvariantCulture));
                Console.WriteLine(Process.GetCurrentProcess().PeakWorkingSet64);
                return 0;
            case ["return-memory"]:
                ReturnMemory();
                return 0;
            case ["store-write", var root]:
                return await TellAsync(() => new LocalDirectoryStore("local", root).PutAsync("a", false, Durability.Now, (_, _) => Task.CompletedTask, CancellationToken.None));
            case ["store-writable", var root]:
                return await TellAsync(async () => throw (await new LocalDirectoryStore("local", root).GetHealthAsync(CancellationToken.None)).Refusal!);
            case ["store-trial", var root]:
                foreach (var lacking in new LocalTrial(root, FileSystemClock.Now).Run())
                    Console.WriteLine($"{(lacking.IsError ? "error" : "warning")}: {lacking.Problem}");
                return 0;
            case ["problems", var file]:
                var (configuration, problems) = ConfigurationFile.Load(file, TimeZoneInfo.Utc);
                foreach (var problem in configuration is null ? problems : [.. problems, .. await ConfigurationFile.CheckEnvironmentAsync(configuration)])
                    Console.WriteLine(problem);
                return 0;
            case [("command" or "command-with-errors") and var kind, var instant, var directory, .. var words]:
                TimeProvider clock = instant == "now" ? Some.Clock : new RunningClock(DateTimeOffset.Parse(instant, System.Globalization.CultureInfo.InvariantCulture));
                var terminal = new Terminal(Console.Out, kind == "command" ? Console.Error : Console.Out, outputIsWatched: false, errorIsWatched: false);
                var code = await new CommandLine(new CommandContext(terminal, clock, directory), AgentHost.RunAsync).InvokeAsync(words, CancellationToken.None);
                Console.WriteLine($"exit code {code}");
                return 0;
            case ["commands", var directory, .. var lines]:
                foreach (var line in lines)
                {
                    var context = new CommandContext(new Terminal(Console.Out, Console.Out, outputIsWatched: false, errorIsWatched: false), Some.Clock, directory);
                    Console.WriteLine($"\n{line}: {await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(line.Split(' '), CancellationToken.None)}");
                }

                return 0;
            case ["commands-in-memory", var instant, var directory, .. var lines]:
                foreach (var line in lines)
                {
                    var context = new CommandContext(new Terminal(TextWriter.Null, TextWriter.Null, outputIsWatched: false, errorIsWatched: false), new RunningClock(DateTimeOffset.Parse(instant, System.Globalization.CultureInfo.InvariantCulture)), directory);
                    if (await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(line.Split(' '), CancellationToken.None) is 1)
                        Console.WriteLine($"{line} failed unexpectedly");
                }

                Console.WriteLine(Process.GetCurrentProcess().PeakWorkingSet64);
                return 0;
            case ["glob", var pattern]:
                var matches = SqliteGlob.Find(pattern, out var unreadable);
                foreach (var match in matches)
                    Console.WriteLine(match);
                foreach (var directory in unreadable)
                    Console.WriteLine($"unreadable {directory}");
                return 0;
            case ["store-list", var root]:
                return await TellAsync(() => new LocalDirectoryStore("local", root).ListAsync("itsm", CancellationToken.None));
            case ["snapshot", var database, var scratch]:
                return await TellAsync(async () =>
                {
                    using var space = new ScratchDirectory(scratch);
                    var source = new SqliteSource(database, space, TimeSpan.FromSeconds(1), Some.Clock);
                    await using var snapshot = await source.OpenSnapshotAsync(CancellationToken.None);
                    await snapshot.CopyToAsync(Stream.Null, CancellationToken.None);
                });
            case ["snapshot-rows", var database, var scratch]:
                return await TellAsync(
                    async () =>
                    {
                        using var space = new ScratchDirectory(scratch);
                        var source = new SqliteSource(database, space, TimeSpan.FromSeconds(1), Some.Clock);
                        await using var snapshot = await source.OpenSnapshotAsync(CancellationToken.None);
                        var copy = space.NewFile();
                        await using (var file = new FileStream(copy, FileMode.Open, FileAccess.Write))
                            await snapshot.CopyToAsync(file, CancellationToken.None);
                        using var connection = PrivateCopy.Open(copy);
                        using var command = connection.CreateCommand();
                        command.CommandText = "SELECT count(*) FROM t";
                        return $"{command.ExecuteScalar()}";
                    });
            case ["take-lock", var state]:
                return await TellAsync(() => Task.Run(() => RunLock.TryAcquire(state, "itsm")?.Dispose()));
            case ["hold-lock", var state, var source]:
                using (RunLock.TryAcquire(state, source)!)
                {
                    Console.WriteLine("held");
                    await Console.In.ReadToEndAsync();
                }

                return 0;
            case ["hold-scratch", var scratch]:
                using (var space = new ScratchDirectory(scratch))
                {
                    Console.WriteLine(space.NewFile());
                    await Console.In.ReadToEndAsync();
                }

                return 0;
            case ["backup", var root, var type]:
                using (var bench = new Workbench(Some.Clock, root))
                    Console.WriteLine((await bench.RunAsync(Enum.Parse<BackupType>(type))).Result);
                return 0;
            case ["restore", var root]:
                return await TellAsync(async () => await RestoreAsync(root, _ => { }), "restored");
            case ["restore-to", var root, var to]:
                return await TellAsync(async () => await RestoreAsync(root, _ => { }, to), "restored");
            case ["restore-plan", var root]:
                return await TellAsync(async () =>
                {
                    using var bench = new Workbench(Some.Clock, root);
                    var preview = await bench.Restores.PreviewAsync(bench.Source, new RestoreWish(), to: null, force: true, CancellationToken.None);
                    if (preview.Refusal is { } refusal)
                        throw refusal;
                });
            case ["restore-until", var root, var stage]:
                await RestoreAsync(root, step =>
                {
                    if (step.Stage.ToString() != stage)
                        return;
                    Console.WriteLine(stage);
                    Process.GetCurrentProcess().Kill();
                });
                return 0;
            case ["restore-hold", var root, var stage]:
                return await TellAsync(
                    async () => await RestoreAsync(root, step =>
                    {
                        if (step.Stage.ToString() != stage)
                            return;
                        Console.WriteLine(stage);
                        Console.In.ReadToEnd();
                    }),
                    "restored");

            default:
                await Console.Error.WriteLineAsync("unknown: " + string.Join(' ', arguments));
                return 2;
        }
    }

    /// <summary>Restores over the live database of a workbench, whose service needs no more than to be told.</summary>
    private static async Task RestoreAsync(string root, Action<RestoreStep> told, string? to = null)
    {
        using var bench = new Workbench(Some.Clock, root);
        var settings = RestoreSettings.None with { Before = [["true"]], After = [["true"]], Health = [new HealthCheck(new Uri("http://127.0.0.1:1/"))], HealthTimeout = TimeSpan.Zero };
        var record = await bench.Restores.RestoreAsync(
            bench.Source with { Restore = settings }, new RestoreWish(), to, force: true, TimeSpan.Zero, new RestoreEvents(told, (_, _) => { }, _ => { }, _ => { }), CancellationToken.None);
        if (record.Operation.Failure is { } failure && record.Outcome is null)
            throw new BackupException(failure.Kind, failure.Message, failure.Hint);
    }

    private static Task<int> TellAsync(Func<Task> action, string done = "ok") => TellAsync(async () =>
    {
        await action();
        return done;
    });

    private static async Task<int> TellAsync(Func<Task<string>> answer)
    {
        try
        {
            Console.WriteLine(await answer());
        }
        catch (BackupException failure)
        {
            Console.WriteLine($"{failure.Kind}: {failure.Message}. Next: {failure.Hint}");
        }

        return 0;
    }

    /// <summary>Says how much memory is resident after work that holds nothing any more, and after each look at it from then on.</summary>
    private static void ReturnMemory()
    {
        var clock = new ManualClock(Some.Instant);
        using var memory = new SpareMemory(clock);
        UseMemory(32 << 20);
        Console.WriteLine(Environment.WorkingSet);
        for (var look = 0; look < 2; look++)
        {
            clock.Advance(SpareMemory.Interval);
            Console.WriteLine(Environment.WorkingSet);
        }
    }

    /// <summary>Holds nothing any more of either memory when it returns, but the last piece of glibc's, below which glibc keeps the rest.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseMemory(int bytes)
    {
        Array.Fill(new byte[bytes], (byte)1);
        var content = Some.Noise(1 << 10);
        var pieces = new nint[bytes / content.Length];
        for (var i = 0; i < pieces.Length; i++)
        {
            pieces[i] = Marshal.AllocHGlobal(content.Length);
            Marshal.Copy(content, 0, pieces[i], content.Length);
        }

        foreach (var piece in pieces.AsSpan()[..^1])
            Marshal.FreeHGlobal(piece);
    }

    private static async Task MoveAsync(GzipEngine engine, int mebibytes)
    {
        var file = Path.GetTempFileName();
        try
        {
            await using (var stored = File.Create(file))
            {
                await ArtifactWriter.WriteAsync(
                    engine,
                    stored,
                    1,
                    async (content, token) =>
                    {
                        var block = Some.Noise(1 << 20);
                        for (var i = 0; i < mebibytes; i++)
                            await content.WriteAsync(block, token);
                    },
                    progress: null,
                    CancellationToken.None);
            }

            await using var back = File.OpenRead(file);
            await ArtifactReader.ReadAsync(engine, back, Stream.Null, progress: null, CancellationToken.None);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
