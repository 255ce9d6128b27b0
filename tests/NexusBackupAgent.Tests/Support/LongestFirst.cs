using NexusBackupAgent.Tests.Artifacts;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Operations;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Sources.Postgres;
using NexusBackupAgent.Tests.Sources.S3;
using NexusBackupAgent.Tests.Sources.Sqlite;
using NexusBackupAgent.Tests.Stores.S3;
using NexusBackupAgent.Tests.Support;

[assembly: TestCollectionOrderer($"NexusBackupAgent.Tests.Support.{nameof(LongestFirst)}", "NexusBackupAgent.Tests")]

namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// The order in which classes begin: one that takes a minute must not begin when all others end. The first six begin at once. Who
/// waits for a place may be overtaken by all that come later, so that the seventh is a short one. Those that wait for a dead disk
/// leave the processors to others.
/// </summary>
public sealed class LongestFirst() : ClassesFirst(
    typeof(IncrementCaptureTests), typeof(KilledRestoreTests), typeof(LostTerminalTests), typeof(FailingCallTests), typeof(HungStoreCommandsTests), typeof(HungSourceCommandsTests),
    typeof(EngineAgreementTests), typeof(HungRestoreCommandTests), typeof(HungStateCommandsTests), typeof(HungStoreTests), typeof(HostileDirectoryTests), typeof(WalReceiverTests), typeof(PrivateFilesTests),
    typeof(PhysicalSourceContractTests), typeof(FailingClusterTests), typeof(FailingDumpTests), typeof(FailingBucketTests), typeof(DifferentialTests), typeof(PointInTimeTests), typeof(S3StoreCommandsTests),
    typeof(ServedSourceTests), typeof(SqliteSnapshotTests), typeof(HiddenWalTests), typeof(ObjectLockTests), typeof(OddServerTests));
