namespace NexusBackupAgent.Configuration;

/// <summary>Addresses of web services, as the configuration and secret files write them.</summary>
internal static class WebAddress
{
    /// <summary>Whether a text means to be one.</summary>
    public static bool HasScheme(string text) =>
        text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="FormatException">Not an http or https address; the message does not repeat it, because it may be a secret.</exception>
    public static Uri Parse(string text) =>
        HasScheme(text) && Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Host.Length > 0
            ? address
            : throw new FormatException("is not an http or https address");

    /// <summary>For logs and messages: without what may be a secret, the user info and the query.</summary>
    public static string Shown(Uri address) => address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}
