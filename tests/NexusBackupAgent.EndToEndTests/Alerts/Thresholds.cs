using System.Globalization;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The runbook's thresholds (§4), once.</summary>
internal static class Thresholds
{
    public static readonly (int L1, int L2) DiskPercent = (80, 90);
    public static readonly (int L1, int L2) AgeHours = (24, 48);
    public static readonly (int L1, int L2) FailuresInARow = (1, 2);

    /// <summary>0 to 1, as expressions and dashboards write it.</summary>
    public static string Ratio(int percent) => (percent / 100.0).ToString(CultureInfo.InvariantCulture);

    /// <summary>A text with the numbers in the places <c>{0}</c> and <c>{1}</c> (disk), <c>{2}</c> and <c>{3}</c> (ages), <c>{4}</c> and <c>{5}</c> (failures).</summary>
    public static string In(string text) => string.Format(
        CultureInfo.InvariantCulture, text, DiskPercent.L1, DiskPercent.L2, AgeHours.L1, AgeHours.L2, FailuresInARow.L1, FailuresInARow.L2);
}
