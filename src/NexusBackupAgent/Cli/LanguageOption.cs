using System.CommandLine;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary>The option <c>--lang en|ja</c>; without it the language of the environment.</summary>
internal static class LanguageOption
{
    public static Option<string?> Create()
    {
        var option = new Option<string?>("--lang") { Description = "en or ja. Default: ja where the environment's language is Japanese, otherwise en", HelpName = "LANG" };
        option.AcceptOnlyFromAmong("en", "ja");
        return option;
    }

    public static Language Of(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) switch
    {
        "ja" => Language.Japanese,
        "en" => Language.English,
        _ => Languages.Of(Environment.GetEnvironmentVariable),
    };
}
