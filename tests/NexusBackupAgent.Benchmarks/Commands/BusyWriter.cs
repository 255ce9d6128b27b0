namespace NexusBackupAgent.Benchmarks.Commands;
internal static class BusyWriter { public static Task<int> RunAsync(string[] options) => Task.FromResult(options.Length); }
