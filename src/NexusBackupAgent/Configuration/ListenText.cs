using System.Text.RegularExpressions;

namespace NexusBackupAgent.Configuration;

/// <summary>Where HTTP listens.</summary>
internal static partial class ListenText
{
    /// <exception cref="FormatException">Not <c>http://HOST:PORT</c>.</exception>
    public static Uri Parse(string text)
    {
        if (text.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
            throw new FormatException("https is not supported by this version");
        if (!text.StartsWith("http:", StringComparison.OrdinalIgnoreCase) || !Uri.TryCreate(text, UriKind.Absolute, out var address))
            throw new FormatException("is not an http address");
        if (address.PathAndQuery != "/" || address.UserInfo.Length > 0 || address.Fragment.Length > 0)
            throw new FormatException("has more than a host and a port");
        if (!Port().IsMatch(text))
            throw new FormatException("has no port");
        return address;
    }

    /// <summary>The parsed address cannot tell a written port 80 from none.</summary>
    [GeneratedRegex(@":[0-9]+/?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Port();
}
