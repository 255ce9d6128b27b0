using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

public sealed class SqliteGlobTests : IDisposable
{
    private readonly TempDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("tenants/*.db", "tenants/acme.db", "acme")]
    [InlineData("tenants/*.db", "tenants/a.b.db", "a.b")]
    [InlineData("tenants/t-*.db", "tenants/t-1.db", "t-1")]
    [InlineData("srv/*/itsm.db", "srv/a/itsm.db", "a-itsm")]
    [InlineData("srv/*/*.db", "srv/a/x.db", "a-x")]
    [InlineData("srv/app-*/data/*/x.db", "srv/app-1/data/7/x.db", "app-1-7-x")]
    [InlineData("tenants/*", "tenants/acme.db", "acme.db")]
    [InlineData("tenants/*.*", "tenants/acme.db", "acme.db")]
    [InlineData("tenants/acme.d?", "tenants/acme.db", "acme.db")]
    [InlineData("tenants/*.sqlite3", "tenants/日本.sqlite3", "日本")]
    public void A_match_is_named_after_what_the_wildcards_matched(string pattern, string file, string name)
    {
        Make(file);

        Assert.Equal([(name, directory[file])], SqliteGlob.Expand(directory[pattern], out _));
        Assert.True(SqliteGlob.CanName(directory[pattern], name));
        Assert.Equal(directory[file], SqliteGlob.PathOf(directory[pattern], name));
    }

    [Theory]
    [InlineData("data/*", "data/acme.db", "data/acme.sqlite")]
    [InlineData("srv/*/itsm.db", "srv/a/itsm.db", "srv/b/itsm.db")]
    [InlineData("srv/*/*.db", "srv/a/x.db", "srv/b/x.db")]
    public void A_name_stays_whatever_appears_beside_it(string pattern, string file, string neighbour)
    {
        Make(file);
        var alone = Assert.Single(SqliteGlob.Expand(directory[pattern], out _));

        Make(neighbour);

        Assert.Contains(alone, SqliteGlob.Expand(directory[pattern], out _));
    }

    [Theory]
    [InlineData("tenants/t-*.db", "acme")]
    [InlineData("srv/*/itsm.db", "itsm")]
    [InlineData("srv/*/itsm.db", "a-itsm.db")]
    [InlineData("tenants/?.db", "ab")]
    [InlineData("tenants/a+.db", "aa")]
    public void A_pattern_names_nothing_else(string pattern, string name) => Assert.False(SqliteGlob.CanName(directory[pattern], name));

    [Fact]
    public void The_file_name_of_the_pattern_tells_where_a_directory_ends() =>
        Assert.Equal("/srv/a-b/itsm.db", SqliteGlob.PathOf("/srv/*/itsm.db", "a-b-itsm"));

    private void Make(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(directory[file])!);
        File.WriteAllText(directory[file], "");
    }
}
