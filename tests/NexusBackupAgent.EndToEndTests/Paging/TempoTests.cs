namespace NexusBackupAgent.EndToEndTests.Paging;

public sealed class TempoTests
{
    [Fact]
    public void Every_time_of_the_hurried_rules_is_slowed_and_nothing_else() => Assert.Equal(
        "interval: 30s\nfor: 15s\nx[60s] offset 9s\nscheduler_idle_seconds:last_known > 75\nagent_silence_seconds > 30\nage_seconds > 86400\ndisk >= 0.8",
        Tempo.Slow("interval: 10s\nfor: 5s\nx[20s] offset 3s\nscheduler_idle_seconds:last_known > 25\nagent_silence_seconds > 10\nage_seconds > 86400\ndisk >= 0.8", 3));

    [Fact]
    public void A_machine_that_has_other_work_is_as_slow_as_that_makes_it() => Assert.InRange(Tempo.Factor, 1, 2);

    [Fact]
    public void The_hurried_rules_have_no_time_that_it_overlooks()
    {
        var slow = Tempo.Slow(FastRules.Text, 1000);

        Assert.DoesNotMatch(@"(?m)^[^#\n]*(?:\bfor: |keep_firing_for: |\[)[1-9]\d{0,2}s", slow);
    }
}
