using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Files;

/// <summary>
/// The hidden files beside a place in which a restore makes what it then renames: with their leading dot no glob finds them,
/// and their ending tells what a killed one left.
/// </summary>
/// <param name="companions">The endings of what belongs beside a database.</param>
internal sealed partial class UnfinishedFiles(FilePlace place, IReadOnlyList<string> companions)
{
    private const string Ending = ".restoring";

    /// <summary>For people.</summary>
    public string Form => Path.Combine(place.Directory, $".{place.Name}.*{Ending}");

    /// <summary>An empty file, which only this user may read.</summary>
    public string New()
    {
        var file = Hidden(RandomNumberGenerator.GetHexString(8, lowercase: true));
        SafeFile.Create(file, UnixFileMode.UserRead | UnixFileMode.UserWrite).Dispose();
        return file;
    }

    /// <summary>Renames an empty file over another one, and leaves no trace of it.</summary>
    /// <returns>Why that can't be done; null when it can, or nothing can be made there, which whoever has to make something is told.</returns>
    public IOException? TryRename()
    {
        var (made, before) = (new List<string>(), FileStatus.Of(place.Directory));
        if (before is { IsAppendOnly: true })
            return new IOException("its directory is append-only: lsattr -d"); // what is tried there stays
        try
        {
            try
            {
                made.Add(New());
                made.Add(New());
            }
            catch (Exception unmade) when (IoFailure.IsKnown(unmade))
            {
                return null;
            }

            SafeFile.Replace(made[0], made[1]);
            SafeFile.Move(made[1], made[0]);
            return null;
        }
        catch (FileNotFoundException)
        {
            return null; // a restore that began meanwhile has tidied up
        }
        catch (UnauthorizedAccessException refused)
        {
            return new IOException(refused.Message, refused);
        }
        catch (IOException refused)
        {
            return refused;
        }
        finally
        {
            made.ForEach(FileTarget.TryDelete);
            GiveTimeBack(before);
        }
    }

    private void GiveTimeBack(FileStatus? before)
    {
        try
        {
            if (before is { } directory)
                SafeFile.GiveTimeBack(place.Directory, directory);
        }
        catch (Exception kept) when (IoFailure.IsKnown(kept))
        {
            // Who may write in somebody's directory need not be let set its times.
        }
    }

    /// <summary>The name under which a safety copy is made.</summary>
    /// <param name="safety">What it is called once it is whole.</param>
    public string For(string safety) => Hidden(Path.GetFileName(safety)[(place.Name.Length + 1)..]);

    /// <summary>All that lie there. A restore to <c>app.db</c> may be at work while <c>app</c> is restored beside it: its files are not among them.</summary>
    public IReadOnlyList<string> All => Directory.Exists(place.Directory)
        ? [.. Directory.EnumerateFiles(place.Directory, $".{place.Name}.*").Where(file => IsOne(Path.GetFileName(file))).Order(StringComparer.Ordinal)]
        : [];

    public void Remove()
    {
        foreach (var left in All)
            SafeFile.Delete(left);
    }

    /// <summary>Whether a name is one that <see cref="New"/> or <see cref="For"/> gives for this place, or a companion of one.</summary>
    private bool IsOne(string file)
    {
        var companion = companions.FirstOrDefault(ending => file.EndsWith(ending, StringComparison.Ordinal)) ?? "";
        return file.StartsWith($".{place.Name}.", StringComparison.Ordinal) && OwnMiddle().IsMatch(file[(place.Name.Length + 2)..^companion.Length]);
    }

    [GeneratedRegex(@"^([0-9a-f]{8}|pre_restore\.[0-9]{14}(-[0-9]+)?)\.restoring\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OwnMiddle();

    private string Hidden(string middle) => Path.Combine(place.Directory, $".{place.Name}.{middle}{Ending}");
}
