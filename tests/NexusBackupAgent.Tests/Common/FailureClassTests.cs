using NexusBackupAgent.Common;

namespace NexusBackupAgent.Tests.Common;

public sealed class FailureClassTests
{
    [Theory]
    [InlineData(nameof(FailureClass.Database), "SourceMissing SourceInvalid SourceCorrupt SourceBusy SourceUnreachable SourceRefused SourceGap")]
    [InlineData(nameof(FailureClass.Storage), "Permission Io Network StoreFull StateFull StoreUnavailable Verification")]
    [InlineData(nameof(FailureClass.Other), "Unexpected Configuration Restore NotFound Locked TimedOut Interrupted Died Journal Hook Encryption KeyMissing")]
    public void A_failure_is_about_the_database_the_storage_or_something_else(string expected, string kinds) =>
        Assert.All(kinds.Split(' '), kind => Assert.Equal(expected, Enum.Parse<FailureKind>(kind).Class().ToString()));

    [Fact]
    public void Every_failure_has_a_class_in_that_table()
    {
        var told = typeof(FailureClassTests).GetMethod(nameof(A_failure_is_about_the_database_the_storage_or_something_else))!
            .GetCustomAttributesData()
            .Where(attribute => attribute.AttributeType == typeof(InlineDataAttribute))
            .SelectMany(attribute => ((IReadOnlyList<System.Reflection.CustomAttributeTypedArgument>)attribute.ConstructorArguments[0].Value!)[1].Value!.ToString()!.Split(' '));

        Assert.Equal(Enum.GetNames<FailureKind>().Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
    }
}
