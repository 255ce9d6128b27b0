using System.Reflection;

namespace NexusBackupAgent.Common;

/// <summary>What was built here.</summary>
internal static class ThisAgent
{
    /// <summary>With the commit that it was built from, where that is known: <c>0.1.0+5e2c…</c>.</summary>
    public static string Version { get; } = typeof(ThisAgent).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
