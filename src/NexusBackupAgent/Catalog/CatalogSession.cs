namespace NexusBackupAgent.Catalog;

/// <summary>
/// A catalog for one operation: it looked at the directory when it was opened, and knows afterwards what it wrote, committed,
/// recorded, removed and set aside itself. It looks again only after a change of its own failed, because nobody knows how far
/// that came, and where <see cref="BackupCatalog.FindAgainAsync"/> or <see cref="BackupCatalog.ListAgainAsync"/> asks for it.
/// </summary>
/// <param name="catalog">Whose directory it is.</param>
internal sealed class CatalogSession(BackupCatalog catalog) : BackupCatalog(catalog);
