using System.Text.Json;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Reads JSON documents, in every file of the tests.</summary>
internal static class JsonText
{
    /// <summary>A member's text; null where it is <c>null</c>, which the assertion tells.</summary>
    public static string Text(JsonElement element, string property) => element.GetProperty(property).GetString()!;
}
