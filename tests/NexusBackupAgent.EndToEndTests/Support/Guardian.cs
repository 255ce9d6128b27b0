using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>
/// Sees to it that nothing outlives a run of these tests: no process that a failed test left, no directory in the temporary folder, also
/// when the test host is killed. Everything that is started inherits the run's mark, and all temporary files lie in the run's directory.
/// </summary>
internal static class Guardian
{
    /// <summary>The variable that marks what belongs to a run.</summary>
    public const string Variable = "END_TO_END_RUN";

    // Its input stays open as long as this process lives.
    private static Process? guardian;

    public static string Program => Repository.File("tests/NexusBackupAgent.EndToEndTests/Support/guardian");

#pragma warning disable CA2255 // this is no library: whatever test runs first, its processes have to bear the mark
    [ModuleInitializer]
    internal static void Watch()
#pragma warning restore CA2255
    {
        var run = Directory.CreateTempSubdirectory("nexus-backup-end-to-end-").FullName;
        File.SetUnixFileMode(run, (UnixFileMode)0b001_111_111_111); // some programs run as another user
        var start = new ProcessStartInfo("setsid", ["--fork", Program, $"{Variable}={run}", run]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove(Variable);
        guardian = Process.Start(start);
        Environment.SetEnvironmentVariable(Variable, run);
        Environment.SetEnvironmentVariable("TMPDIR", run);
    }
}
