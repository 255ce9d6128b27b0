using NexusBackupAgent.Common;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>verify --self-test --json</c> prints.</summary>
internal sealed record SelfTestDocument(bool Passed, IReadOnlyList<SelfTestCaseDocument> Cases);

/// <param name="Expected">The checks that ought to find the damage.</param>
/// <param name="Found">Those that did.</param>
internal sealed record SelfTestCaseDocument(string Damage, bool Passed, IReadOnlyList<string> Expected, IReadOnlyList<string> Found, string Detail)
{
    public static SelfTestCaseDocument Of(SelfTestResult result) => new(
        result.Name, result.Passed, [.. result.Expected.Select(check => check.Word())], [.. result.Found.Select(check => check.Word())], result.Detail);
}
