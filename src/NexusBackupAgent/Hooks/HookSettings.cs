namespace NexusBackupAgent.Hooks;

/// <summary>Who is told how something ended: a command, or an address that takes JSON by POST. One of the two is set.</summary>
/// <param name="Command">The program and its arguments; empty when <paramref name="Url"/> is set.</param>
/// <param name="Url">Where to post.</param>
internal sealed record Hook(IReadOnlyList<string> Command, HookUrl? Url);

/// <summary>The hooks of a source (configuration <c>hooks:</c>; §6.2 of the dataset management document).</summary>
/// <param name="OnFailure">Told of each failed run, corrupt backup, failed drill and failed restore.</param>
/// <param name="OnSuccess">Told of each one that succeeded.</param>
/// <param name="Timeout">For each hook. Default 30 s.</param>
internal sealed record HookSettings(IReadOnlyList<Hook> OnFailure, IReadOnlyList<Hook> OnSuccess, TimeSpan Timeout)
{
    public static HookSettings None { get; } = new([], [], TimeSpan.FromSeconds(30));
}
