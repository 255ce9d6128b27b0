using NexusBackupAgent.Common;

namespace NexusBackupAgent.Tests.Common;

public sealed class LanguageTests
{
    [Theory]
    // LC_ALL | LC_MESSAGES | LANG | language
    [InlineData("", "", "", "English")]
    [InlineData("", "", "ja_JP.UTF-8", "Japanese")]
    [InlineData("", "", "C.UTF-8", "English")]
    [InlineData("", "ja_JP.UTF-8", "en_US.UTF-8", "Japanese")]
    [InlineData("C", "ja_JP.UTF-8", "ja_JP.UTF-8", "English")]
    [InlineData("ja", "", "", "Japanese")]
    public void The_first_variable_that_is_set_decides(string all, string messages, string lang, string language) =>
        Assert.Equal(language, Languages.Of(name => name switch { "LC_ALL" => all, "LC_MESSAGES" => messages, _ => lang }).ToString());
}
