using System.Buffers;
using System.Runtime.InteropServices;

namespace Nabi.Runtime.Planning;

/// <summary>A block of native memory, aligned for the widest vectors, zeroed when made.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    /// <summary>Alignment of a block and of everything placed in it: a cache line, which is also the widest vector.</summary>
    public const int Alignment = 64;

    /// <summary>Readable bytes past the end.</summary>
    private const int Guard = 64;

    private byte* _memory;

    public NativeBlock(long bytes)
    {
        Bytes = bytes;
        var size = checked((nuint)(bytes + Guard));
        _memory = (byte*)NativeMemory.AlignedAlloc(size, Alignment);
        NativeMemory.Clear(_memory, size);
    }

    ~NativeBlock() => Free();

    public long Bytes { get; }

    public byte* Start => _memory;

    /// <summary>The smallest multiple of <see cref="Alignment"/> that is not below.</summary>
    public static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}

/// <summary>Native memory as <see cref="Memory{T}"/>, so that tensors can lie over it.</summary>
internal sealed unsafe class NativeView(byte* start, int length) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => new(start, length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex);

    public override void Unpin() { }

    protected override void Dispose(bool disposing) { }
}
