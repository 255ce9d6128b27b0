using Xunit.Abstractions;

namespace NexusBackupAgent.Tests.Support;

/// <summary>The order in which classes begin: one that takes long must not begin when all others end. Each project names its own.</summary>
public abstract class ClassesFirst(params Type[] classes) : ITestCollectionOrderer
{
    private readonly List<string> names = [.. classes.Select(type => type.FullName!)];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections.OrderBy(Place);

    // Without a collection's name of its own a class has one that ends in the class's.
    private int Place(ITestCollection collection) => names.FindIndex(name => collection.DisplayName.EndsWith(" " + name, StringComparison.Ordinal)) is >= 0 and var place ? place : names.Count;
}
