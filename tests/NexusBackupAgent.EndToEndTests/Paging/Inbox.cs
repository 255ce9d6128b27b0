using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>One alert in a page.</summary>
internal sealed record PagedAlert(string Name, string Level, string Instance, bool IsOver)
{
    public string Title => $"{Name} {Level}";

    public override string ToString() => IsOver ? Title + " over" : Title;
}

/// <summary>What Alertmanager sent to a receiver's webhook.</summary>
internal sealed record Page(string Receiver, IReadOnlyList<PagedAlert> Alerts)
{
    /// <summary>Whose host it is about; empty for what is about none.</summary>
    public string Instance => Alerts[0].Instance;

    public override string ToString() => string.Join(" + ", Alerts.Select(alert => alert.ToString()).Order(StringComparer.Ordinal));
}

/// <summary>What a person reads: a chat message or a mail.</summary>
/// <param name="To">The receiver's name, or the mail's address.</param>
internal sealed record Message(string To, string Subject, string Text);

/// <summary>Takes webhooks and chat messages on a free loopback port, and keeps them in their order.</summary>
internal sealed class Inbox : IAsyncDisposable
{
    private readonly ConcurrentQueue<Page> pages = new();
    private readonly ConcurrentQueue<Message> messages = new();
    private readonly WebApplication application;

    private Inbox(WebApplication application) => this.application = application;

    public Uri Address => new(application.Urls.Single() + "/");

    public IEnumerable<Page> Pages => pages;

    public IEnumerable<Message> Messages => messages;

    public static async Task<Inbox> StartAsync()
    {
        var server = WebApplication.CreateSlimBuilder().Build();
        server.Urls.Add("http://127.0.0.1:0");
        var inbox = new Inbox(server);
        server.MapPost("/url/{receiver}", async (string receiver, HttpRequest request) => inbox.pages.Enqueue(ReadPage(receiver, await ReadAsync(request))));
        server.MapPost("/api_url/{receiver}", async (string receiver, HttpRequest request) => inbox.messages.Enqueue(ReadMessage(receiver, await ReadAsync(request))));
        await server.StartAsync();
        return inbox;
    }

    public ValueTask DisposeAsync() => application.DisposeAsync();

    private static async Task<JsonElement> ReadAsync(HttpRequest request)
    {
        using var document = await JsonDocument.ParseAsync(request.Body);
        return document.RootElement.Clone();
    }

    private static Page ReadPage(string receiver, JsonElement json) => new(receiver, [
        .. from alert in json.GetProperty("alerts").EnumerateArray()
           let labels = alert.GetProperty("labels").EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString()!, StringComparer.Ordinal)
           select new PagedAlert(labels["alertname"], labels.GetValueOrDefault("level", "-"), labels.GetValueOrDefault("instance", ""), alert.GetProperty("status").GetString() == "resolved")]);

    private static Message ReadMessage(string receiver, JsonElement json)
    {
        var attachment = json.GetProperty("attachments")[0];
        return new Message(receiver, attachment.GetProperty("title").GetString()!, attachment.GetProperty("text").GetString()!);
    }
}
