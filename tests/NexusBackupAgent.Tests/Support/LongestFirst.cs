using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Operations;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Sources.Postgres;
using NexusBackupAgent.Tests.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"NexusBackupAgent.Tests.Support.{nameof(LongestFirst)}", "NexusBackupAgent.Tests")]

namespace NexusBackupAgent.Tests.Support;

/// <summary>The order in which classes begin: one that takes a minute must not begin when all others end. Those that wait for a dead disk leave the processors to others.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly List<string> Classes =
    [
        .. ((Type[])
        [
            typeof(HungStoreCommandsTests), typeof(HungSourceCommandsTests), typeof(KilledRestoreTests), typeof(LostTerminalTests), typeof(HungRestoreCommandTests), typeof(IncrementCaptureTests),
            typeof(WalReceiverTests), typeof(FailingCallTests), typeof(HungStateCommandsTests), typeof(HungStoreTests), typeof(HostileDirectoryTests), typeof(PrivateFilesTests),
            typeof(PhysicalSourceContractTests), typeof(SqliteSnapshotTests), typeof(FailingClusterTests), typeof(FailingDumpTests), typeof(PointInTimeTests), typeof(DifferentialTests),
        ]).Select(type => type.FullName!),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections.OrderBy(Place);

    // Without a collection's name of its own a class has one that ends in the class's.
    private static int Place(ITestCollection collection) => Classes.FindIndex(name => collection.DisplayName.EndsWith(" " + name, StringComparison.Ordinal)) is >= 0 and var place ? place : Classes.Count;
}
