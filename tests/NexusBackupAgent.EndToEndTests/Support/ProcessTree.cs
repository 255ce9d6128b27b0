using System.Globalization;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>What a process and its descendants have done, as <c>/proc</c> tells.</summary>
internal static class ProcessTree
{
    private const int Parent = 1;
    private const int UserTime = 11;
    private const int LastTime = 14; // with that of the system, and both of the children that ended

    /// <summary>The CPU time of all of them, in the kernel's ticks. It stands still while they only wait.</summary>
    public static long Work(int root)
    {
        var all = new Dictionary<int, (int Parent, long Work)>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Read(directory) is { } process)
                all[id] = process;
        }

        return all.Where(process => IsBelow(process.Key)).Sum(process => process.Value.Work);

        bool IsBelow(int id)
        {
            while (id != root && all.TryGetValue(id, out var process))
                id = process.Parent;
            return id == root;
        }
    }

    private static (int Parent, long Work)? Read(string directory)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(directory, "stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // a name may hold anything
            return (Number(Parent), Enumerable.Range(UserTime, LastTime - UserTime + 1).Sum(field => (long)Number(field)));

            int Number(int field) => int.Parse(fields[field], CultureInfo.InvariantCulture);
        }
        catch (Exception ended) when (ended is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
