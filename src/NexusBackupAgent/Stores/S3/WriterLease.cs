using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.S3;

/// <summary>
/// One machine at a time writes in a folder: an object that only one can make, renewed for as long as its maker lives. Locks
/// of this machine end with their process; this one ends when nobody renews it, or at once where the same machine sees that
/// the process is gone. Clocks may differ as far as S3 itself allows.
/// </summary>
internal sealed class WriterLease : IAsyncDisposable
{
    /// <summary>The object in the folder.</summary>
    public const string FileName = ".nexus-backup-writer";

    /// <summary>How long it holds without being renewed: longer than the quarter of an hour by which a clock may be wrong for S3.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(20);

    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(4);

    /// <summary>What this process takes or holds. One of its own that is not here could not be given back, because the server was away.</summary>
    private static readonly ConcurrentDictionary<string, bool> Held = new(StringComparer.Ordinal);

    private readonly ObjectClient client;
    private readonly string key;
    private readonly TimeProvider timeProvider;
    private readonly Holder me;
    private readonly CancellationTokenSource over = new();
    private readonly Task renewing;
    private string etag;

    private WriterLease(ObjectClient client, string key, TimeProvider timeProvider, Holder me, string etag)
    {
        (this.client, this.key, this.timeProvider, this.me, this.etag) = (client, key, timeProvider, me, etag);
        renewing = RenewAsync();
    }

    /// <param name="folder">Empty, or ends with <c>/</c>.</param>
    /// <exception cref="BackupException">Another one holds it (<see cref="FailureKind.Locked"/>), or the store refuses.</exception>
    public static async Task<WriterLease> TakeAsync(ObjectClient client, string store, string folder, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var self = Holder.Me();
        Held[self.Nonce] = true; // before anybody can see it
        try
        {
            return await TakeAsync(client, store, folder, self, timeProvider, cancellationToken);
        }
        catch
        {
            Held.TryRemove(self.Nonce, out _);
            throw;
        }
    }

    private static async Task<WriterLease> TakeAsync(ObjectClient client, string store, string folder, Holder self, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var file = folder + FileName;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var found = await FindAsync(client, file, cancellationToken);
                if (found is var (taken, mine) && taken.Nonce == self.Nonce)
                    return new WriterLease(client, file, timeProvider, self, mine); // its answer was lost on the way
                if (found is var (holder, _) && holder.IsAlive(timeProvider.GetUtcNow(), self))
                {
                    throw new BackupException(
                        FailureKind.Locked,
                        $"{holder.Shown} writes in store '{store}' at '{client.Address.Describe(folder)}'",
                        $"wait until it is done: one that died gives way at {holder.Until.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}; if two agents have the same source, give one of them another directory");
                }

                return new WriterLease(client, file, timeProvider, self, await WriteAsync(client, file, self, timeProvider, found?.ETag, cancellationToken));
            }
            catch (ObjectException faster) when (faster.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.NotFound && attempt < 3)
            {
                // Another one took it, or gave it back, meanwhile.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await renewing;
        over.Dispose();
        await ObjectClient.EndAsync(async () =>
        {
            if (await FindAsync(client, key, CancellationToken.None) is var (holder, _) && holder.Nonce == me.Nonce)
                await client.DeleteAsync(key, CancellationToken.None);
        });
        Held.TryRemove(me.Nonce, out _);
    }

    private async Task RenewAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Renewal, timeProvider, over.Token);
                try
                {
                    etag = await WriteAsync(client, key, me, timeProvider, etag, over.Token);
                }
                catch (BackupException)
                {
                    // The next time may succeed, and there are several before it ends. Whoever writes hears why the store is away.
                    if (await FindOrNotAsync() is var (holder, mine) && holder.Nonce == me.Nonce)
                        etag = mine; // the answer was lost on the way
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is given back.
        }
    }

    private async Task<(Holder Holder, string ETag)?> FindOrNotAsync()
    {
        try
        {
            return await FindAsync(client, key, over.Token);
        }
        catch (BackupException)
        {
            return null;
        }
    }

    private static Task<string> WriteAsync(ObjectClient client, string key, Holder me, TimeProvider timeProvider, string? replaced, CancellationToken cancellationToken) => client.PutAsync(
        key, (me with { Until = timeProvider.GetUtcNow() + Lifetime }).ToBytes(), ObjectAttributes.None, replaced is null ? WriteCondition.IfAbsent : WriteCondition.Always, cancellationToken, replaced);

    private static async Task<(Holder Holder, string ETag)?> FindAsync(ObjectClient client, string key, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await client.OpenAsync(key, etag: null, cancellationToken);
            using var reader = new StreamReader(stream);
            return (Holder.Parse(await reader.ReadToEndAsync(cancellationToken)), stream.ETag);
        }
        catch (ObjectException absent) when (absent.Problem == ObjectProblem.NotFound)
        {
            return null;
        }
    }

    /// <param name="Nonce">Of one taking.</param>
    /// <param name="Place">Within which a process number means one process: machine, its last start, and container.</param>
    private sealed record Holder(string Nonce, DateTimeOffset Until, string Host, string Place, int Process)
    {
        public string Shown => $"process {Process} on {Host}";

        public static Holder Me() => new(
            RandomNumberGenerator.GetHexString(32, lowercase: true), default, Environment.MachineName, ProcessPlace.Current, Environment.ProcessId);

        /// <summary>What is damaged, or somebody put there, holds nobody off.</summary>
        public static Holder Parse(string text) => text.Split('\n') is [var nonce, var until, var host, var place, var process, ..]
            && DateTimeOffset.TryParse(until, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end)
            && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? new Holder(nonce, end, host, place, number)
                : new Holder("", DateTimeOffset.MinValue, "", "", 0);

        public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{Nonce}\n{Until.UtcDateTime:O}\n{Host}\n{Place}\n{Process}\nA Nexus Backup Agent writes here now. The others wait until that time.\n"));

        public bool IsAlive(DateTimeOffset now, Holder me) => now < Until && !(Place == me.Place && Place.Length > 0 && !(Process == me.Process ? Held.ContainsKey(Nonce) : ProcessPlace.IsAlive(Process)));
    }
}
