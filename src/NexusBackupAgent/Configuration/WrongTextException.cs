namespace NexusBackupAgent.Configuration;

/// <summary>A value of the configuration that can't be read, with what to write instead.</summary>
/// <param name="problem">What is wrong: <c>'7x' is not a period</c>.</param>
/// <param name="mend">What to write: <c>write a whole number and …</c>; null: an example of the key tells enough.</param>
/// <param name="joint">Stands between both in <see cref="Exception.Message"/>.</param>
internal sealed class WrongTextException(string problem, string? mend, string joint = "; ") : FormatException(mend is null ? problem : problem + joint + mend)
{
    public string Problem => problem;

    public string? Mend => mend;
}
