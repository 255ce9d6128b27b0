using Microsoft.Extensions.Logging;

namespace NexusBackupAgent.Cli;

/// <summary>An agent for the duration of one command.</summary>
internal sealed class CommandSession : IDisposable
{
    private readonly ILoggerFactory loggers;

    private CommandSession(Agent agent, ILoggerFactory loggers)
    {
        Agent = agent;
        this.loggers = loggers;
    }

    public Agent Agent { get; }

    public static CommandSession Open(AgentConfiguration configuration, Terminal terminal, TimeProvider timeProvider, bool verbose)
    {
        var created = LoggingSetup.ForCommand(terminal, configuration.TimeZone, verbose);
        try
        {
            var agent = Agent.Open(configuration, timeProvider, created, evenWithoutJournal: true);
            agent.Roster.Refresh();
            return new CommandSession(agent, created);
        }
        catch
        {
            created.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Agent.Dispose();
        loggers.Dispose();
    }
}
