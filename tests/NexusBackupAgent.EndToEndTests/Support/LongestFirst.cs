using NexusBackupAgent.EndToEndTests.Alerts;
using NexusBackupAgent.EndToEndTests.Container;
using NexusBackupAgent.EndToEndTests.Dashboards;
using NexusBackupAgent.EndToEndTests.Deploy;
using NexusBackupAgent.EndToEndTests.Paging;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.EndToEndTests.Web;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"NexusBackupAgent.EndToEndTests.Support.{nameof(LongestFirst)}", "NexusBackupAgent.EndToEndTests")]

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The order in which classes begin: one that takes minutes must not begin when all others end. Paging waits more than it works.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly List<string> Classes =
    [
        .. ((Type[])
        [
            typeof(PagingTests), typeof(DashboardsOnAFortnightTests), typeof(WebTests), typeof(PrometheusRestartTests), typeof(RulesTests), typeof(ContainerImageTests), typeof(ComposeUpTests),
        ]).Select(type => type.FullName!),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections.OrderBy(Place);

    // Without a collection's name of its own a class has one that ends in the class's.
    private static int Place(ITestCollection collection) => Classes.FindIndex(name => collection.DisplayName.EndsWith(" " + name, StringComparison.Ordinal)) is >= 0 and var place ? place : Classes.Count;
}
