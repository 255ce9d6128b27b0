namespace NexusBackupAgent.Configuration;

/// <summary>Finds the word that a mistyped one was probably meant to be.</summary>
internal static class NearestWord
{
    /// <returns>The candidate with the fewest edits, if those are at most a third of its length; else null.</returns>
    public static string? Find(string word, IEnumerable<string> candidates) =>
        candidates
            .Select(candidate => (Candidate: candidate, Edits: Distance(Fold(word), Fold(candidate))))
            .Where(pair => pair.Edits <= Math.Max(pair.Candidate.Length, word.Length) / 3)
            .OrderBy(pair => pair.Edits)
            .Select(pair => pair.Candidate)
            .FirstOrDefault();

    /// <summary>Inserted, dropped, replaced and swapped neighbouring letters, each one edit.</summary>
    private static int Distance(string from, string to)
    {
        var edits = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
            edits[i, 0] = i;
        for (var j = 0; j <= to.Length; j++)
            edits[0, j] = j;

        for (var i = 1; i <= from.Length; i++)
        {
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = edits[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                edits[i, j] = Math.Min(replaced, Math.Min(edits[i - 1, j], edits[i, j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    edits[i, j] = Math.Min(edits[i, j], edits[i - 2, j - 2] + 1);
            }
        }

        return edits[from.Length, to.Length];
    }

    /// <summary>Case and separators are not what makes a different word: <c>busy_timeout</c> is busyTimeout.</summary>
    private static string Fold(string word) => word.ToLowerInvariant().Replace("_", "").Replace("-", "");
}
