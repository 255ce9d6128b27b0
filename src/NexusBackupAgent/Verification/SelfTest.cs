using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <summary>Reads one backup back and says what was found, as <c>BackupVerifier.VerifyAsync</c> does.</summary>
internal delegate Task<Backup> VerifyBackup(IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken);

/// <summary>What became of one damaged copy.</summary>
/// <param name="Name">The damage.</param>
/// <param name="Expected">The checks that ought to find it; none for an undamaged copy, which ought to pass.</param>
/// <param name="Found">The checks that did.</param>
/// <param name="Passed">Whether each check that ought to find it did, and an undamaged copy passed.</param>
/// <param name="Detail">What the checks said, or what went wrong; empty for nothing.</param>
internal sealed record SelfTestResult(
    string Name, IReadOnlyList<VerificationCheck> Expected, IReadOnlyList<VerificationCheck> Found, bool Passed, string Detail);

/// <summary>
/// Proves that the checks find damage: a small real source is backed up into scratch space through the real catalog and
/// store, copies of that are damaged in every way that is feared, and each must be found by the check that ought to. A
/// verification that finds nothing proves nothing else.
/// </summary>
/// <param name="verify">Under test.</param>
/// <param name="scratch">Where it happens; nothing remains there.</param>
internal sealed class SelfTest(VerifyBackup verify, SelfTestParts parts, ScratchDirectory scratch, TimeProvider timeProvider)
{
    /// <returns>One result for each kind of damage.</returns>
    /// <exception cref="BackupException">The test itself could not be made, for example for want of room.</exception>
    public async Task<IReadOnlyList<SelfTestResult>> RunAsync(CancellationToken cancellationToken)
    {
        var results = new List<SelfTestResult>();
        foreach (var specimen in parts.NewSpecimens)
            results.AddRange(await RunAsync(specimen, cancellationToken));
        return results;
    }

    private async Task<IReadOnlyList<SelfTestResult>> RunAsync(SelfTestSpecimen specimen, CancellationToken cancellationToken)
    {
        scratch.RequireRoom(SelfTestSample.RoomNeeded);
        try
        {
            using var sample = await SelfTestSample.MakeAsync(specimen, parts, scratch, timeProvider, cancellationToken);
            var results = new List<SelfTestResult>();
            foreach (var damage in SelfTestDamage.AllOf(sample.Source, sample.Source.Noun.English))
                results.Add(await TryAsync(damage, sample, cancellationToken));
            return results;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"test the checks in '{scratch.Path}'", scratch.Path);
        }
    }

    private async Task<SelfTestResult> TryAsync(SelfTestDamage damage, SelfTestSample sample, CancellationToken cancellationToken)
    {
        using var at = scratch.NewWorkspace();
        var copy = await sample.CopyAsync(at, damage.IsOfIncrement, cancellationToken);
        await damage.DoAsync(copy);
        return await VerifyAsync(damage, sample, copy, cancellationToken);
    }

    private async Task<SelfTestResult> VerifyAsync(SelfTestDamage damage, SelfTestSample sample, SelfTestCopy copy, CancellationToken cancellationToken)
    {
        var listed = (await copy.Catalog.ListAsync(cancellationToken)).FirstOrDefault(backup => backup.File == copy.File);
        if (listed is null)
            return new SelfTestResult(damage.Name, damage.Expected, [], Passed: false, "the damaged copy is not even listed");

        Backup verified;
        try
        {
            verified = await verify(sample.Source, copy.Catalog, listed, progress: null, cancellationToken);
        }
        catch (DamagedBaseException damaged) when (listed.Bases.Any(link => link.Id == damaged.Base.Id))
        {
            verified = damaged.Base;
        }

        var found = verified.Verification!.Checks.Where(check => !check.Passed).ToList();
        var passed = damage.Expected.Count == 0
            ? verified.State == BackupState.Good
            : verified.State == BackupState.Corrupt && damage.Expected.All(check => found.Exists(result => result.Check == check));
        return new SelfTestResult(damage.Name, damage.Expected, [.. found.Select(result => result.Check)], passed, found.Count == 0 ? "" : found[0].Detail);
    }
}
