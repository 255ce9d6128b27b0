using System.Collections.Concurrent;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts;

/// <summary>The threads of one pass, each with a codec of its own, which compress or inflate members side by side.</summary>
internal sealed class CodecCrew : IAsyncDisposable
{
    private readonly BlockingCollection<Job> jobs = [];
    private readonly Task[] members;

    /// <summary>Starts <see cref="Cores.Used"/> threads.</summary>
    public CodecCrew(GzipEngine engine) => members = [.. Enumerable.Range(0, Cores.Used).Select(_ => Join(engine.NewCodec()))];

    /// <summary>Has work done by the next free thread.</summary>
    /// <returns>Its result, or what it threw.</returns>
    public Task<Block> Do(Func<GzipCodec, Block> work)
    {
        var job = new Job(work);
        jobs.Add(job);
        return job.Result;
    }

    /// <summary>Lets what was begun end, and the threads with it.</summary>
    public async ValueTask DisposeAsync()
    {
        jobs.CompleteAdding();
        await Task.WhenAll(members);
        jobs.Dispose();
    }

    private Task Join(GzipCodec codec)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            using (codec)
            {
                foreach (var job in jobs.GetConsumingEnumerable())
                    job.Do(codec);
            }

            left.SetResult();
        }) { IsBackground = true, Name = "gzip" };
        thread.Start();
        return left.Task;
    }

    private sealed class Job(Func<GzipCodec, Block> work)
    {
        private readonly TaskCompletionSource<Block> result = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Block> Result => result.Task;

        public void Do(GzipCodec codec)
        {
            try
            {
                result.SetResult(work(codec));
            }
            catch (Exception failure)
            {
                result.SetException(failure);
            }
        }
    }
}
