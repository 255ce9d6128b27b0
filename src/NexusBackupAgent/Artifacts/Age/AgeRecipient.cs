using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Artifacts.Age;

/// <summary>Whom artifacts are encrypted to: the public part of a key, <c>age1…</c>. Its last letters are a checksum (BIP 173), so a letter that is wrong is found.</summary>
internal static class AgeRecipient
{
    private const string Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    public const string Prefix = "age1";

    private const int ExpectedLength = 62; // 256 bits in letters of five, and six letters of checksum
    private const int MostShown = 12;

    private static readonly uint[] Generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

    /// <summary>What a secret key begins with, in a file as <c>age-keygen</c> writes it.</summary>
    public static bool IsSecret(string text) => text.Contains("AGE-SECRET-KEY-", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="WrongTextException">It is none.</exception>
    public static string Parse(string text)
    {
        if (IsSecret(text))
            throw new WrongTextException("is a secret key, which does not belong in this file", "write its public part (age-keygen -y FILE), keep the secret one elsewhere, and take a new key if this file was readable to others");
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || text.Length != ExpectedLength || !text.AsSpan(Prefix.Length).ContainsOnly(Letters))
            throw new WrongTextException("is no age recipient", "write the line that begins with age1, as age-keygen -y FILE prints it");
        return Checksum(text) == 1 ? text : throw new WrongTextException("is no age recipient: a letter of it is wrong", "copy it again: age-keygen -y FILE prints it");
    }

    /// <summary>For messages: the beginning tells two apart.</summary>
    public static string Shown(IEnumerable<string> recipients) => string.Join(", ", recipients.Select(one => one.Length > MostShown ? one[..MostShown] + "…" : one));

    /// <summary>The recipients of a file with one on each line; what begins with <c>#</c> is a remark.</summary>
    /// <exception cref="BackupException">It can't be read, or holds none.</exception>
    public static IReadOnlyList<string> ReadFile(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BackupException(FailureKind.Configuration, $"the recipients in '{path}' can't be read: {failure.Message}", "check encryption.age.recipientsFile, and that the agent's user may read it", failure);
        }

        var recipients = new List<string>();
        foreach (var line in lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            try
            {
                recipients.Add(Parse(line));
            }
            catch (WrongTextException wrong)
            {
                throw new BackupException(FailureKind.Configuration, $"a line of '{path}' {wrong.Problem}", wrong.Mend ?? "write one age1… a line: age-keygen -y FILE prints it", wrong);
            }
        }

        return recipients.Count > 0 ? recipients : throw new BackupException(FailureKind.Configuration, $"'{path}' names no recipient", "write one age1… a line: age-keygen -y FILE prints it");
    }

    private static bool ContainsOnly(this ReadOnlySpan<char> text, string letters) => !text.ContainsAnyExcept(letters);

    private static uint Checksum(string text)
    {
        var sum = 1u;
        foreach (var letter in "age")
            sum = Step(sum, (uint)letter >> 5);
        sum = Step(sum, 0);
        foreach (var letter in "age")
            sum = Step(sum, (uint)letter & 31);
        foreach (var letter in text.AsSpan(Prefix.Length))
            sum = Step(sum, (uint)Letters.IndexOf(letter, StringComparison.Ordinal));
        return sum;
    }

    private static uint Step(uint sum, uint value)
    {
        var top = sum >> 25;
        sum = ((sum & 0x1ffffff) << 5) ^ value;
        for (var bit = 0; bit < Generator.Length; bit++)
        {
            if (((top >> bit) & 1) == 1)
                sum ^= Generator[bit];
        }

        return sum;
    }
}
