using System.Collections.Concurrent;

namespace NexusBackupAgent.Artifacts;

/// <summary>A buffer for one gzip member or its content, used again and again.</summary>
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
