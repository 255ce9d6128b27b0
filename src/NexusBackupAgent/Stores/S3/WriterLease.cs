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
internal sealed class WriterLease : IStoreHold
{
    /// <summary>The object in the folder.</summary>
    public const string FileName = ".nexus-backup-writer";

    /// <summary>How long it holds without being renewed.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(45);

    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(4);

    /// <summary>By how much the clocks of two machines may differ: each by a quarter of an hour from the server's, before that refuses it.</summary>
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMinutes(30);

    /// <summary>Between what was written without a condition and the look that says who has it: another machine may have looked before and write now.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    /// <summary>Of the leases that this process holds or is about to.</summary>
    private static readonly ConcurrentDictionary<string, bool> Mine = new(StringComparer.Ordinal);

    private readonly ObjectClient client;
    private readonly string key;
    private readonly TimeProvider timeProvider;
    private readonly Holder me;
    private readonly CancellationTokenSource over = new();
    private readonly CancellationTokenSource lost = new();
    private readonly Task renewing;
    private string etag;

    private WriterLease(ObjectClient client, string key, TimeProvider timeProvider, Holder me, string etag)
    {
        (this.client, this.key, this.timeProvider, this.me, this.etag) = (client, key, timeProvider, me, etag);
        renewing = RenewAsync();
    }

    public CancellationToken Lost => lost.Token;

    /// <param name="folder">Empty, or ends with <c>/</c>.</param>
    /// <exception cref="BackupException">Another one holds it (<see cref="FailureKind.Locked"/>), or the store refuses.</exception>
    public static async Task<WriterLease> TakeAsync(ObjectClient client, string store, string folder, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var self = Holder.Me();
        Mine[self.Nonce] = true;
        try
        {
            return await TakeAsync(client, store, folder, self, timeProvider, cancellationToken);
        }
        catch
        {
            Mine.TryRemove(self.Nonce, out _);
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

                if (!(await WriteAsync(client, file, self, timeProvider, found?.ETag, cancellationToken)).WasAlone)
                    await Task.Delay(Settling, timeProvider, cancellationToken);
                // A server that heeds no condition lets all of them write it: the last one has it.
            }
            catch (ObjectException faster) when (faster.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.Conflict or ObjectProblem.NotFound && attempt < 3)
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
        lost.Dispose();
        await client.EndAsync(async token =>
        {
            if (await FindAsync(client, key, token) is var (holder, _) && holder.Nonce == me.Nonce)
                await client.DeleteAsync(key, token);
        });
        Mine.TryRemove(me.Nonce, out _); // what could not be removed is nobody's now
    }

    private async Task RenewAsync()
    {
        try
        {
            var renewed = timeProvider.GetTimestamp();
            while (!lost.IsCancellationRequested)
            {
                await Task.Delay(Renewal, timeProvider, over.Token);
                var now = timeProvider.GetTimestamp();
                if (await TryRenewAsync())
                    renewed = now;
                else if (timeProvider.GetElapsedTime(renewed) >= Lifetime - ClockDifference)
                    await lost.CancelAsync(); // for the clock of another machine it may be over
            }
        }
        catch (OperationCanceledException)
        {
            // It is given back.
        }
    }

    private async Task<bool> TryRenewAsync()
    {
        try
        {
            (etag, _) = await WriteAsync(client, key, me, timeProvider, etag, over.Token);
            return true;
        }
        catch (BackupException)
        {
            // The next time may succeed, and there are several before it ends. Whoever writes hears why the store is away.
        }

        try
        {
            var found = await FindAsync(client, key, over.Token);
            if (found is var (holder, mine) && holder.Nonce == me.Nonce)
            {
                etag = mine; // the answer was lost on the way
                return true;
            }

            await lost.CancelAsync(); // another one has it, or somebody took it away
        }
        catch (BackupException)
        {
            // The same.
        }

        return false;
    }

    /// <param name="replaced">The ETag of the lease that it takes the place of; null: there is none.</param>
    /// <returns>Its ETag, and whether the server saw to it that nobody else wrote meanwhile.</returns>
    private static async Task<(string ETag, bool WasAlone)> WriteAsync(ObjectClient client, string key, Holder me, TimeProvider timeProvider, string? replaced, CancellationToken cancellationToken)
    {
        var lease = (me with { Until = timeProvider.GetUtcNow() + Lifetime }).ToBytes();
        try
        {
            return (await client.PutAsync(key, lease, ObjectAttributes.None, replaced is null ? WriteCondition.IfAbsent : WriteCondition.Always, cancellationToken, replaced), WasAlone: true);
        }
        catch (ObjectException refused) when (refused.Problem == ObjectProblem.PreconditionFailed && replaced is not null)
        {
            // In a bucket that keeps versions Ceph finds no ETag the one that was asked for. Where it is, who writes last has the lease.
            if (await FindAsync(client, key, cancellationToken) is not var (_, there) || there != replaced)
                throw;
            return (await client.PutAsync(key, lease, ObjectAttributes.None, WriteCondition.Always, cancellationToken), WasAlone: false);
        }
    }

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

        public bool IsAlive(DateTimeOffset now, Holder me) => now < Until && !(Place == me.Place && Place.Length > 0 && !(Process == me.Process ? Mine.ContainsKey(Nonce) : ProcessPlace.IsAlive(Process)));
    }
}
