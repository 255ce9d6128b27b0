using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NexusBackupAgent.Access;

/// <summary>A password as the configuration keeps it: <c>pbkdf2-sha256$ITERATIONS$SALT$HASH</c>, both in Base64.</summary>
internal sealed class PasswordHash
{
    /// <summary>As few as OWASP recommends for PBKDF2-HMAC-SHA256.</summary>
    public const int LeastIterations = 600_000;

    /// <summary>Characters; nobody types a longer one, and hashing it would cost the agent time.</summary>
    public const int LongestPassword = 1024;

    private const int MostIterations = 10_000_000;
    private const int SaltLength = 16;
    private const int HashLength = 32;
    private const string Scheme = "pbkdf2-sha256";

    private readonly int iterations;
    private readonly byte[] salt;
    private readonly byte[] hash;

    private PasswordHash(int iterations, byte[] salt, byte[] hash) => (this.iterations, this.salt, this.hash) = (iterations, salt, hash);

    /// <summary>How often the function is applied: what a comparison takes.</summary>
    public int Iterations => iterations;

    /// <summary>Tells hashes apart without telling anything of them: another one after a change of password.</summary>
    public string Mark => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(ToString())).AsSpan(0, 9));

    /// <summary>What no password matches, for a user that does not exist: looking takes as long as for those that do.</summary>
    public static PasswordHash Nobodys(IEnumerable<PasswordHash> others) =>
        new(others.Select(other => other.iterations).DefaultIfEmpty(LeastIterations).Max(), new byte[SaltLength], RandomNumberGenerator.GetBytes(HashLength));

    public static PasswordHash Of(string password)
    {
        var fresh = RandomNumberGenerator.GetBytes(SaltLength);
        return new PasswordHash(LeastIterations, fresh, Derive(password, fresh, LeastIterations));
    }

    /// <exception cref="FormatException">It is none, or too weak.</exception>
    public static PasswordHash Parse(string text)
    {
        if (text.Split('$') is not [Scheme, var count, var saltText, var hashText])
            throw new FormatException("is no hash of a password");
        if (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var iterations) || iterations is < LeastIterations or > MostIterations)
            throw new FormatException($"is a hash of less than {LeastIterations} or more than {MostIterations} iterations");
        if (Decode(saltText) is not { Length: >= SaltLength } salted || Decode(hashText) is not { Length: HashLength } hashed)
            throw new FormatException("is a hash of a password that was cut or changed");
        return new PasswordHash(iterations, salted, hashed);
    }

    /// <summary>Takes as long for every password.</summary>
    public bool Matches(string password) =>
        password.Length <= LongestPassword && CryptographicOperations.FixedTimeEquals(Derive(password, salt, iterations), hash);

    public override string ToString() => $"{Scheme}${iterations.ToString(CultureInfo.InvariantCulture)}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}";

    private static byte[] Derive(string password, byte[] salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(password, salt, iterations, HashAlgorithmName.SHA256, HashLength);

    private static byte[]? Decode(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) ? bytes[..length] : null;
    }
}

/// <summary>A token of a program as the configuration keeps it: <c>sha256:HEX</c>. A token is random, so that one pass is enough.</summary>
internal sealed class TokenHash
{
    /// <summary>How every token begins, so that a reader of logs and repositories knows one.</summary>
    public const string Prefix = "nxb_";

    private const string Scheme = "sha256:";

    private readonly byte[] hash;

    private TokenHash(byte[] hash) => this.hash = hash;

    /// <summary>A new token of 256 random bits, and what the configuration keeps of it.</summary>
    public static (string Token, TokenHash Hash) New()
    {
        var token = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (token, Of(token));
    }

    public static TokenHash Of(string token) => new(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <exception cref="FormatException">It is none.</exception>
    public static TokenHash Parse(string text) =>
        text.StartsWith(Scheme, StringComparison.Ordinal) && text.Length == Scheme.Length + (2 * SHA256.HashSizeInBytes) && text[Scheme.Length..].All(char.IsAsciiHexDigit)
            ? new TokenHash(Convert.FromHexString(text[Scheme.Length..]))
            : throw new FormatException("is no hash of a token");

    public bool Matches(string token) => CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(token)), hash);

    public override string ToString() => Scheme + Convert.ToHexStringLower(hash);
}
