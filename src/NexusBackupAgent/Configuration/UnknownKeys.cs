namespace NexusBackupAgent.Configuration;

/// <summary>Reports the keys of a section that this version does not act on.</summary>
internal static class UnknownKeys
{
    public static void Report(Section section, LevelKeys level)
    {
        foreach (var field in section.Fields.Where(field => !level.Used.Contains(field.Name)))
        {
            if (level.Ignored.Contains(field.Name))
                field.Warning("has no effect in this version", "remove it, or leave it for a later version");
            else if (level.Unsupported.Contains(field.Name))
                field.Error("is not supported by this version", level.Supported);
            else
                field.Error("is not a known key", Mend(field, level));
        }
    }

    private static string Mend(Field field, LevelKeys level)
    {
        if (NearestWord.Find(field.Name, level.Known) is { } nearest)
            return $"did you mean {nearest}?";
        if (field.Problems.Levels.FirstOrDefault(other => other.Used.Contains(field.Name)) is { } home)
            return home.Place.Length == 0 ? "it belongs to the top level of the file" : $"it belongs below {home.Place}";
        return $"the keys here are {string.Join(", ", level.Used)}";
    }
}
