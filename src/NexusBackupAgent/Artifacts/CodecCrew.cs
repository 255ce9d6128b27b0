using System.Collections.Concurrent;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts;

/// <summary>The threads of one pass, each with a codec of its own, which compress or expand frames side by side.</summary>
internal sealed class CodecCrew : IAsyncDisposable
{
    private readonly BlockingCollection<Job> jobs = [];
    private readonly Task[] members;

    /// <summary>Starts <see cref="Cores.Used"/> threads.</summary>
    public CodecCrew(FrameEngine engine) => members = [.. Enumerable.Range(0, Cores.Used).Select(_ => Join(engine.NewCodec()))];

    /// <summary>Has work done by the next free thread.</summary>
    /// <returns>Its result, or what it threw.</returns>
    public Task<Block> Do(Func<FrameCodec, Block> work)
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

    private Task Join(FrameCodec codec)
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
        }) { IsBackground = true, Name = "codec" };
        thread.Start();
        return left.Task;
    }

    private sealed class Job(Func<FrameCodec, Block> work)
    {
        private readonly TaskCompletionSource<Block> result = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Block> Result => result.Task;

        public void Do(FrameCodec codec)
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

/// <summary>A buffer for one frame or its content, used again and again.</summary>
/// <param name="buffer">Of <see cref="Size"/> bytes.</param>
internal sealed class Block(byte[] buffer)
{
    /// <summary>Room for the longest member, or its content, with a <see cref="GzipSentinel"/> behind.</summary>
    public const int Size = GzipMember.MaximumSize + GzipSentinel.Room;

    public byte[] Buffer { get; } = buffer;

    /// <summary>Bytes in use, from the buffer's beginning.</summary>
    public int Length { get; set; }

    public ReadOnlyMemory<byte> Bytes => Buffer.AsMemory(0, Length);
}

/// <summary>The blocks of one pass. As many exist as were in use at once.</summary>
internal sealed class BlockPool
{
    private readonly ConcurrentStack<Block> free = new();

    public Block Rent() => free.TryPop(out var block) ? block : new Block(GC.AllocateUninitializedArray<byte>(Block.Size));

    public void Return(Block block) => free.Push(block);
}
