using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using Serilog;
using Serilog.Core;
using Serilog.Debugging;
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

    /// <summary>How many lines wait for a disk that is slow or hangs; what comes then is missing in the file.</summary>
    private const int LinesInHand = 10_000;

    /// <summary>A command says itself how its runs, verifications, replacements, restores and drills ended; the log adds what else deserves a look.</summary>
    private static readonly string[] ToldByCommands = ["run_failed", "run_skipped", "verification_failed", "restore_failed", "backup_passed_over", "drill_failed", "backup_quarantined", "quarantine_refused", "replacing_backup"];

    /// <summary>Stack traces of what the command tells as unexpected.</summary>
    private static readonly string[] Verbose = ["attempt_broke", "restore_broke", "drill_broke", "hook_broke"];

    /// <summary>The framework's line about a start that failed. The command ends with one that says what to do.</summary>
    private const string FailedStart = "HostedServiceStartupFaulted";

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
            .Filter.ByExcluding(entry => LogEntry.EventName(entry) == FailedStart)
            .WriteTo.Sink(new WriterSink(terminal.Output, formatter));
        if (log.File is { } file)
        {
            var told = 0;
            SelfLog.Enable(_ =>
            {
                if (Interlocked.Exchange(ref told, 1) == 0) // else a full disk would have a line for each line
                    terminal.Warn($"the log file '{file}' can't be written; the log goes on here, on the output — next: see whether its disk is full or the directory refuses (df -h, ls -ld '{Path.GetDirectoryName(file)}')");
            });
            setup.WriteTo.Async(log => log.File(formatter, file, rollingInterval: RollingInterval.Day, retainedFileCountLimit: DaysKept), LinesInHand);
        }

        return new PatientLoggers(Create(setup));
    }

    private static SerilogLoggerFactory Create(LoggerConfiguration setup) => new(setup.CreateLogger(), dispose: true);

    /// <summary>Ends although the log's disk hangs with lines in hand: all of them were on the output.</summary>
    private sealed class PatientLoggers(ILoggerFactory loggers) : ILoggerFactory
    {
        private static readonly TimeSpan ToWriteTheRest = TimeSpan.FromSeconds(5);

        public Microsoft.Extensions.Logging.ILogger CreateLogger(string categoryName) => loggers.CreateLogger(categoryName);

        public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

        public void Dispose() => Task.Run(loggers.Dispose).Wait(ToWriteTheRest);
    }

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

/// <summary>Reads what Microsoft's logging put into a Serilog event.</summary>
internal static class LogEntry
{
    /// <summary>The event's stable name; empty for libraries that give none.</summary>
    public static string EventName(LogEvent entry) =>
        entry.Properties.TryGetValue("EventId", out var id)
        && id is StructureValue structure
        && structure.Properties.FirstOrDefault(property => property.Name == "Name")?.Value is ScalarValue { Value: string name } ? name : "";

    /// <summary>The message with its values as they are, without quotation marks.</summary>
    public static string Message(LogEvent entry)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        foreach (var token in entry.MessageTemplate.Tokens)
        {
            if (token is Serilog.Parsing.PropertyToken { Format: null } property && entry.Properties.TryGetValue(property.PropertyName, out var value) && value is ScalarValue { Value: string plain })
                text.Write(plain);
            else
                token.Render(entry.Properties, text, CultureInfo.InvariantCulture);
        }

        return text.ToString().ReplaceLineEndings(" ");
    }
}

/// <summary>One line an event: <c>2026-02-14 02:00:03 +09:00 INF run_succeeded backup of itsm succeeded: …</c>.</summary>
/// <param name="zone">The zone of the times.</param>
/// <param name="verbose">Whether stack traces follow.</param>
internal sealed class TextLogFormatter(TimeZoneInfo zone, bool verbose) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        output.Write(TimeZoneInfo.ConvertTime(logEvent.Timestamp, zone).ToString("yyyy-MM-dd HH:mm:ss zzz ", CultureInfo.InvariantCulture));
        output.Write(Level(logEvent.Level));
        output.Write(' ');
        if (LogEntry.EventName(logEvent) is { Length: > 0 } name)
            output.Write(name + " ");
        output.Write(LogEntry.Message(logEvent));
        if (logEvent.Exception is { } exception)
            output.Write(verbose ? $": {exception}" : $": {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}");
        output.WriteLine();
    }

    private static string Level(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose => "VRB",
        LogEventLevel.Debug => "DBG",
        LogEventLevel.Information => "INF",
        LogEventLevel.Warning => "WRN",
        LogEventLevel.Error => "ERR",
        _ => "FTL",
    };
}

/// <summary>One JSON object an event: <c>time</c> (UTC), <c>level</c>, <c>event</c>, <c>message</c> and the event's values by name.</summary>
internal sealed class JsonLogFormatter : ITextFormatter
{
    private static readonly string[] Internal = ["EventId", "SourceContext", "{OriginalFormat}"];

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(json, logEvent);
        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
    }

    private static void Write(Utf8JsonWriter json, LogEvent entry)
    {
        json.WriteStartObject();
        json.WriteString("time", entry.Timestamp.UtcDateTime);
        json.WriteString("level", entry.Level.Word());
        json.WriteString("event", LogEntry.EventName(entry));
        json.WriteString("message", LogEntry.Message(entry));
        foreach (var (name, value) in entry.Properties.Where(property => !Internal.Contains(property.Key)))
        {
            json.WritePropertyName(JsonNamingPolicy.CamelCase.ConvertName(name));
            WriteValue(json, value);
        }

        if (entry.Exception is { } exception)
            json.WriteString("exception", exception.ToString());
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, LogEventPropertyValue value)
    {
        switch (value is ScalarValue scalar ? scalar.Value : value.ToString())
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int or long or uint or short or byte:
                json.WriteNumberValue(Convert.ToInt64(((ScalarValue)value).Value, CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case DateTimeOffset instant:
                json.WriteStringValue(instant);
                break;
            case var other:
                json.WriteStringValue(Convert.ToString(other, CultureInfo.InvariantCulture));
                break;
        }
    }
}
