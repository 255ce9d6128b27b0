using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Tests.Cli;

public sealed class AuditTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task What_somebody_typed_is_told_with_who_it_was()
    {
        Assert.Equal("nobody has asked for anything yet", (await place.RunAsync("audit")).Output.Trim());
        await place.RunAsync("backup");
        await place.RunAsync("verify");
        await place.RunAsync("drill");
        await place.RunAsync("restore", "itsm", "--to", place.In("look.db"));

        var audit = await place.RunAsync("audit", "--json");

        Assert.Equal(0, audit.Code);
        Assert.Equal(["restore", "drill", "verification", "backup"], audit.Json.EnumerateArray().Select(asked => asked.GetProperty("action").GetString()));
        var who = Environment.GetEnvironmentVariable("SUDO_USER") ?? SystemUser.Current.Name;
        Assert.All(audit.Json.EnumerateArray(), asked => Assert.Equal((who, null, "itsm", "success"), (asked.GetProperty("user").GetString(), asked.GetProperty("address").GetString(), asked.GetProperty("source").GetString(), asked.GetProperty("outcome").GetString())));
        Assert.Contains("restore", (await place.RunAsync("audit", "--limit", "1")).Output, StringComparison.Ordinal);
        Assert.Equal(2, (await place.RunAsync("audit", "--limit", "0")).Code);
    }
}
