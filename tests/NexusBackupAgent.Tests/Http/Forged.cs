using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.Tests.Http;

/// <summary>Tokens as somebody would make them by hand.</summary>
internal static partial class Forged
{
    /// <summary>Signed by a key of the test's choice.</summary>
    public static string Token(string payload, byte[] key)
    {
        var text = $"{Part(Encoding.UTF8.GetBytes("""{"alg":"HS256","typ":"JWT"}"""))}.{Part(Encoding.UTF8.GetBytes(payload))}";
        return $"{text}.{Part(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(text)))}";
    }

    /// <summary>Signed by the agent's own key, as if the agent had.</summary>
    public static string Of(string payload, string keyFile) => Token(payload, File.ReadAllBytes(keyFile));

    /// <summary>The same, and its time is over.</summary>
    public static string Expired(string payload, string keyFile, DateTimeOffset now) =>
        Of(Instants().Replace(payload, match => $"\"{match.Groups[1].Value}\":{now.ToUnixTimeSeconds() - 1}"), keyFile);

    private static string Part(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    [GeneratedRegex("\"(exp|iat)\":[0-9]+")]
    private static partial Regex Instants();
}
