using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Tests.Platform;

public sealed class SystemUserTests
{
    [Fact]
    public void A_user_has_the_name_that_the_system_knows() =>
        Assert.Equal(("root", "root"), (new SystemUser(0).Name, new SystemUser(0).ForSudo));

    [Fact]
    public void A_group_has_its_name_or_its_number() =>
        Assert.Equal(("root", "1048577123"), (new SystemGroup(0).Name, new SystemGroup(1048577123).Name));

    [Fact]
    public void A_user_without_a_name_is_told_by_number() =>
        Assert.Equal(("1048577123", "#1048577123"), (new SystemUser(1048577123).Name, new SystemUser(1048577123).ForSudo));
}
