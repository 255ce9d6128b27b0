using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Log lines as text: level, event and message, and whatever an exception says.</summary>
internal sealed class CollectedLog<T> : ILogger<T>
{
    public ConcurrentQueue<string> Lines { get; } = new();

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue($"{logLevel} {eventId.Name}: {formatter(state, exception)} {exception}");

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;
}
