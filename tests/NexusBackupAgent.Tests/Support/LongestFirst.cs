using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Operations;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Sources.Postgres;
using NexusBackupAgent.Tests.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

[assembly: TestCollectionOrderer($"NexusBackupAgent.Tests.Support.{nameof(LongestFirst)}", "NexusBackupAgent.Tests")]

namespace NexusBackupAgent.Tests.Support;

/// <summary>The order in which classes begin: one that takes a minute must not begin when all others end. Those that wait for a dead disk leave the processors to others.</summary>
public sealed class LongestFirst() : ClassesFirst(
    typeof(HungStoreCommandsTests), typeof(HungSourceCommandsTests), typeof(KilledRestoreTests), typeof(LostTerminalTests), typeof(HungRestoreCommandTests), typeof(IncrementCaptureTests),
    typeof(WalReceiverTests), typeof(FailingCallTests), typeof(HungStateCommandsTests), typeof(HungStoreTests), typeof(HostileDirectoryTests), typeof(PrivateFilesTests),
    typeof(PhysicalSourceContractTests), typeof(SqliteSnapshotTests), typeof(FailingClusterTests), typeof(FailingDumpTests), typeof(PointInTimeTests), typeof(DifferentialTests));
