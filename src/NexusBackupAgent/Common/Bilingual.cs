namespace NexusBackupAgent.Common;

/// <summary>The languages that the night's commands speak.</summary>
internal enum Language
{
    English,
    Japanese,
}

/// <summary>One text in both languages. There is no way to write only one of them.</summary>
internal readonly record struct Bilingual(string English, string Japanese)
{
    public string In(Language language) => language == Language.Japanese ? Japanese : English;

    /// <summary>What reads the same in both: a path, a measured value.</summary>
    public static Bilingual Same(string text) => new(text, text);

    /// <summary>Evidence in the words of a failure or the journal, which are English: a Japanese text quotes it.</summary>
    public static Bilingual Quoted(string message) => new(message, $"「{message}」");
}

internal static class Languages
{
    /// <summary>The language of the user's environment, in the order of POSIX: the first of these that is set decides.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static Language Of(Func<string, string?> variable)
    {
        var locale = ((string[])["LC_ALL", "LC_MESSAGES", "LANG"]).Select(variable).FirstOrDefault(value => !string.IsNullOrEmpty(value));
        return locale?.StartsWith("ja", StringComparison.OrdinalIgnoreCase) == true ? Language.Japanese : Language.English;
    }
}
