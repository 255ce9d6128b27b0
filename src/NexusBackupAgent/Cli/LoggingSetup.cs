using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting;

namespace NexusBackupAgent.Cli;

/// <summary>How log lines are written.</summary>
internal enum LogFormat
{
    /// <summary>Lines for people and journald.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>Where the log goes.</summary>
internal static class LoggingSetup
{
    private const int DaysKept = 30;

    /// <summary>A command says itself how its runs, verifications, replacements, restores and drills ended; the log adds what else deserves a look.</summary>
    private static readonly string[] ToldByCommands = ["run_failed", "run_skipped", "verification_failed", "restore_failed", "backup_passed_over", "drill_failed", "backup_quarantined", "quarantine_refused", "replacing_backup"];

    /// <summary>Stack traces of what the command tells as unexpected.</summary>
    private static readonly string[] Verbose = ["attempt_broke", "restore_broke", "drill_broke", "hook_broke"];

    /// <summary>For a command: warnings and errors on the error output.</summary>
    public static ILoggerFactory ForCommand(Terminal terminal, TimeZoneInfo zone, bool verbose) => Create(new LoggerConfiguration()
        .MinimumLevel.Warning()
        .Filter.ByExcluding(entry => ToldByCommands.Contains(LogEntry.EventName(entry)) || (!verbose && Verbose.Contains(LogEntry.EventName(entry))))
        .WriteTo.Sink(new WriterSink(terminal.Error, new TextLogFormatter(zone, verbose))));

    /// <summary>For the service: everything from the configured level on, on the output and, when configured, in daily files of which 30 are kept.</summary>
    public static ILoggerFactory ForService(LogConfiguration log, LogFormat format, Terminal terminal, TimeZoneInfo zone, bool verbose)
    {
        ITextFormatter formatter = format == LogFormat.Json ? new JsonLogFormatter() : new TextLogFormatter(zone, verbose);
        var setup = new LoggerConfiguration()
            .MinimumLevel.Is(Enum.Parse<LogEventLevel>(log.Level))
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .WriteTo.Sink(new WriterSink(terminal.Output, formatter));
        if (log.File is { } file)
            setup.WriteTo.File(formatter, file, rollingInterval: RollingInterval.Day, retainedFileCountLimit: DaysKept);
        return Create(setup);
    }

    private static SerilogLoggerFactory Create(LoggerConfiguration setup) => new(setup.CreateLogger(), dispose: true);

    private sealed class WriterSink(TextWriter writer, ITextFormatter formatter) : ILogEventSink
    {
        private readonly Lock gate = new();

        public void Emit(LogEvent logEvent)
        {
            lock (gate)
            {
                formatter.Format(logEvent, writer);
                writer.Flush();
            }
        }
    }
}
