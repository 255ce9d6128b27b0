using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Tests.Configuration;

public sealed class NearestWordTests
{
    [Theory]
    [InlineData("shedules", "schedules")]
    [InlineData("schdeules", "schedules")]
    [InlineData("store", "stores")]
    [InlineData("SOURCES", "sources")]
    [InlineData("time-zone", "timeZone")]
    [InlineData("backups", null)]
    [InlineData("x", null)]
    [InlineData("", null)]
    public void A_word_is_near_when_at_most_a_third_of_it_differs(string word, string? nearest) =>
        Assert.Equal(nearest, NearestWord.Find(word, ["timeZone", "stores", "sources", "schedules", "log"]));
}
