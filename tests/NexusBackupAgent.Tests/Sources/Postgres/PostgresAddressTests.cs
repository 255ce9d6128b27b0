using NexusBackupAgent.Sources.Postgres;

namespace NexusBackupAgent.Tests.Sources.Postgres;

public sealed class PostgresAddressTests
{
    [Theory]
    [InlineData("postgresql://backup@localhost/shop", "localhost", null, "backup", "shop")]
    [InlineData("postgres://db.example:5433/shop", "db.example", 5433, null, "shop")]
    [InlineData("postgresql://a%40b@[::1]:5433/%E5%95%86%E5%BA%97%20%22x%22", "::1", 5433, "a@b", "商店 \"x\"")]
    [InlineData("postgresql:///shop?host=/run/postgresql&port=5434&user=backup", "/run/postgresql", 5434, "backup", "shop")]
    [InlineData("postgresql://%2Frun%2Fpostgresql/shop", "/run/postgresql", null, null, "shop")]
    public void A_uri_says_where_the_database_is(string text, string? host, int? port, string? user, string? database)
    {
        var address = PostgresAddress.Parse(text, "/etc");
        Assert.Equal((host, port, user, database, false), (address.Host, address.Port, address.User, address.Database, address.IsPattern));
        Assert.Equal(address, PostgresAddress.Parse(address.Shown, "/etc")); // what people are shown can be typed
    }

    [Theory]
    [InlineData("postgresql://backup:secret@localhost/shop")]
    [InlineData("postgresql://localhost/shop?password=secret")]
    public void A_password_in_it_is_refused_and_not_repeated(string text)
    {
        var wrong = Assert.ThrowsAny<FormatException>(() => PostgresAddress.Parse(text, "/etc"));
        Assert.DoesNotContain("secret", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost/shop")]
    [InlineData("postgresql://localhost/")]
    [InlineData("postgresql://a,b/shop")]
    [InlineData("postgresql://a:x/shop")]
    [InlineData("postgresql://a/shop?sslmode=always")]
    [InlineData("postgresql://a/shop?options=-c")]
    public void What_the_agent_does_not_do_is_an_error(string text) => Assert.ThrowsAny<FormatException>(() => PostgresAddress.Parse(text, "/etc"));

    [Theory]
    [InlineData("*", "shop", true)]
    [InlineData("shop_*", "shop_a", true)]
    [InlineData("shop_?", "shop_ab", false)]
    [InlineData("a.b", "axb", false)]
    public void Patterns_match_names(string pattern, string name, bool matches) => Assert.Equal(matches, DatabasePattern.Matches(pattern, name));

    [Theory]
    [InlineData("*:*:*:*:geheim", "geheim")]
    [InlineData("other:5432:shop:backup:no\n# a line\ndb:5432:shop:backup:a\\:b\\\\c", "a:b\\c")]
    [InlineData("db:5432:*:someone:no", null)]
    public void The_first_fitting_line_of_a_password_file_counts(string lines, string? password)
    {
        using var temp = new Support.TempDirectory();
        File.WriteAllText(temp["pass"], lines + "\n");
        File.SetUnixFileMode(temp["pass"], UnixFileMode.UserRead);
        Assert.Equal(password, PasswordFile.Find(temp["pass"], new PostgresAddress("db", null, "backup", "shop")));
        if (password is not null)
        {
            File.WriteAllText(temp["own"], PasswordFile.LineOf(password));
            File.SetUnixFileMode(temp["own"], UnixFileMode.UserRead);
            Assert.Equal(password, PasswordFile.Find(temp["own"], new PostgresAddress("x", null, "y", "z")));
        }
    }

    [Fact]
    public void A_service_says_what_the_address_leaves_out()
    {
        using var temp = new Support.TempDirectory();
        File.WriteAllText(temp["services"], "[other]\nhost=no\n\n[shop]\n# the shop\nhost = db.example\nport=5433\nuser=backup\ndbname=shop\npassword=geheim\nkeepalives=1\n[last]\nhost=no\n");
        var (address, password) = ServiceFile.Read("shop", temp["services"]);
        Assert.Equal((new PostgresAddress("db.example", 5433, "backup", "shop"), "geheim"), (address, password));
    }
}
