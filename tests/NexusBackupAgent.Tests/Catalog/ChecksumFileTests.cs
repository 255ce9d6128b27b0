using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>Whatever <c>sha256sum --check</c> accepts, and what other tools print, is read; what tells nothing of the file says so.</summary>
public sealed class ChecksumFileTests
{
    private const string File = "manual_20261101_020000.db.gz";
    private static readonly string Sum = string.Concat(Enumerable.Repeat("0123456789abcdef", 4));
    private static readonly string Other = new('f', 64);

    public static TheoryData<string, string> Accepted => new()
    {
        { "as the agent writes it", $"{Sum}  {File}\n" },
        { "binary", $"{Sum} *{File}\n" },
        { "one blank", $"{Sum} {File}\n" },
        { "tab", $"{Sum}\t{File}\n" },
        { "indented", $"  {Sum}  {File}\n" },
        { "upper case", $"{Sum.ToUpperInvariant()}  {File}\n" },
        { "Windows' line ends", $"{Sum}  {File}\r\n" },
        { "byte order mark", $"\uFEFF{Sum}  {File}\n" },
        { "without a line end", $"{Sum}  {File}" },
        { "with a path", $"{Sum}  /mnt/LinuxHDD/ITSM-System/backend/backups/{File}\n" },
        { "here", $"{Sum}  ./{File}\n" },
        { "escaped", $"\\{Sum}  C:\\\\backups\\\\{File}\n" },
        { "comment", $"# nightly\n\n{Sum}  {File}\n" },
        { "several", $"{Other}  other.txt\n{Sum}  {File}\n{Other}  x{File}\n" },
        { "twice the same", $"{Sum}  {File}\n{Sum}  {File}\n" },
        { "BSD", $"SHA256 (./{File}) = {Sum}\n" },
        { "OpenSSL 1", $"SHA256({File})= {Sum}\n" },
        { "OpenSSL 3", $"SHA2-256({File})= {Sum}\n" },
        { "the sum alone", Sum },
        { "from a pipe", $"{Sum}  -\n" },
        { "certutil", $"SHA256 hash of {File}:\r\n{Sum}\r\nCertUtil: -hashfile command completed successfully.\r\n" },
        { "certutil in Japanese", $"SHA256 ハッシュ (対象 {File}):\r\n{Sum}\r\n" },
        { "an older certutil", $"SHA256 hash of file {File}:\r\n{string.Join(' ', Sum.Chunk(2).Select(pair => new string(pair)))}\r\n" },
        { "Get-FileHash", $"\r\nAlgorithm       Hash                    Path\r\n---------       ----                    ----\r\nSHA256          {Sum.ToUpperInvariant()}       D:\\backups\\{File}\r\n" },
    };

    public static TheoryData<string, string, string> Useless => new()
    {
        { "empty", "", "it is empty" },
        { "another file's", $"{Other}  other.txt\n", $"it holds no SHA-256 of {File}" },
        { "another file's, by certutil", $"SHA256 hash of other.txt:\n{Other}\n", $"it holds no SHA-256 of {File}" },
        { "a name that is longer", $"{Other}  {File}.bak\n", $"it holds no SHA-256 of {File}" },
        { "a digit too few", $"{Sum[1..]}  {File}\n", $"it holds no SHA-256 of {File}" },
        { "a digit that is none", $"g{Sum[1..]}  {File}\n", $"it holds no SHA-256 of {File}" },
        { "another digest", $"d41d8cd98f00b204e9800998ecf8427e  {File}\n", $"it holds no SHA-256 of {File}" },
        { "an error page", "<html>404</html>", $"it holds no SHA-256 of {File}" },
        { "two of them", $"{Sum}  {File}\n{Other}  {File}\n", $"it holds 2 different SHA-256 of {File}" },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_sum_is_read_in_every_form_that_people_have(string form, string text)
    {
        Assert.Equal((Sum, null), ChecksumFile.Parse(text.TrimStart('\uFEFF')).Of(File));
        Assert.NotEmpty(form);
    }

    [Theory]
    [MemberData(nameof(Useless))]
    public void What_tells_no_sum_of_the_file_says_why(string form, string text, string problem)
    {
        Assert.Equal((null, problem), ChecksumFile.Parse(text).Of(File));
        Assert.NotEmpty(form);
    }
}
