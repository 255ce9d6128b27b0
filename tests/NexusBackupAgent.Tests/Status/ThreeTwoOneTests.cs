using NexusBackupAgent.Status;

namespace NexusBackupAgent.Tests.Status;

/// <summary>Three copies with the live one, on two media, one off site: each of the three is needed.</summary>
public sealed class ThreeTwoOneTests
{
    [Theory]
    [InlineData("disk", "disk:here,other:away", true, 3, 2, 1)]
    [InlineData("disk", "disk:here,disk:away", false, 3, 1, 1)]
    [InlineData("disk", "disk:here,other:here", false, 3, 2, 0)]
    [InlineData("disk", "other:away", false, 2, 2, 1)]
    [InlineData("disk", "other:away,third:away,fourth:here", true, 4, 4, 2)]
    [InlineData("disk", "", false, 1, 1, 0)]
    public void Each_of_the_three_is_needed(string live, string stores, bool isMet, int copies, int media, int offsite)
    {
        var rule = ThreeTwoOne.Of(live, [.. stores.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(store => store.Split(':')).Select(store => (store[0], store[1] == "away"))]);

        Assert.Equal((isMet, copies, media, offsite), (rule.IsMet, rule.Copies, rule.Media, rule.Offsite));
    }
}
