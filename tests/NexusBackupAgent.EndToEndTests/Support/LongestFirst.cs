using NexusBackupAgent.EndToEndTests.Alerts;
using NexusBackupAgent.EndToEndTests.Container;
using NexusBackupAgent.EndToEndTests.Dashboards;
using NexusBackupAgent.EndToEndTests.Deploy;
using NexusBackupAgent.EndToEndTests.Paging;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.EndToEndTests.Web;
using NexusBackupAgent.Tests.Support;

[assembly: TestCollectionOrderer($"NexusBackupAgent.EndToEndTests.Support.{nameof(LongestFirst)}", "NexusBackupAgent.EndToEndTests")]

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The order in which classes begin: one that takes minutes must not begin when all others end. Paging waits more than it works.</summary>
public sealed class LongestFirst() : ClassesFirst(
    typeof(PagingTests), typeof(WebTests), typeof(PrometheusRestartTests), typeof(RulesTests), typeof(NormalOperationTests), typeof(DashboardsOnAFortnightTests),
    typeof(ContainerImageTests), typeof(RuleMutationTests), typeof(ExpressionsReturnDataFromTheAgentTests), typeof(ExpressionsReturnDataFromTheSampleScrapeTests),
    typeof(PrometheusReadmeTests), typeof(FormAgreesWithTheReportTests), typeof(PrometheusConfigurationTests), typeof(EscalationAgreesWithTheRulesTests), typeof(PackageTests),
    typeof(KubernetesManifestsTests), typeof(ComposeUpTests));
