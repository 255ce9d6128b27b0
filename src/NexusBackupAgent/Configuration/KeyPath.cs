namespace NexusBackupAgent.Configuration;

/// <summary>Dotted paths of keys.</summary>
internal static class KeyPath
{
    /// <summary>A part with dots or spaces is quoted, so that the path still reads; an empty first part is the root.</summary>
    public static string Join(string path, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            path = path.Length == 0 ? Quote(name) : $"{path}.{Quote(name)}";
        return path;
    }

    private static string Quote(string name) =>
        name.Length > 0 && name.All(letter => char.IsLetterOrDigit(letter) || letter is '_' or '-') ? name : $"\"{name}\"";
}
