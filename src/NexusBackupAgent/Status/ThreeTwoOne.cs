using NexusBackupAgent.Common;

namespace NexusBackupAgent.Status;

/// <summary>The rule 3-2-1: three copies with the live one, on two media, one of them at another site. Pure.</summary>
/// <param name="Copies">With the live one.</param>
/// <param name="Media">File systems and services on which they lie.</param>
/// <param name="Offsite">How many are at another site.</param>
internal sealed record ThreeTwoOne(int Copies, int Media, int Offsite)
{
    public bool IsMet => this is { Copies: >= 3, Media: >= 2, Offsite: >= 1 };

    public Bilingual Text => new(
        $"3-2-1 is {(IsMet ? "met" : "not met")}: {Copies} copies with the live one, on {Media} {(Media == 1 ? "medium" : "media")}, {Offsite} off site",
        $"3-2-1ルール: {(IsMet ? "充足" : "未充足")}（稼働中のものを含む{Copies}つのコピー、媒体{Media}種、遠隔地{Offsite}つ）");

    /// <param name="live">What the live source lies on: equal for what goes with one disk.</param>
    /// <param name="stores">The same of each store that holds a backup which is not late, and whether it is at another site.</param>
    public static ThreeTwoOne Of(string live, IReadOnlyCollection<(string Medium, bool IsOffsite)> stores) =>
        new(stores.Count + 1, stores.Select(store => store.Medium).Append(live).Distinct(StringComparer.Ordinal).Count(), stores.Count(store => store.IsOffsite));
}
