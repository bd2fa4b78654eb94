using System.Buffers;
using System.Runtime.InteropServices;

namespace Nabi.Runtime.Planning;

/// <summary>A block of native memory, aligned for the widest vectors, zeroed when made.</summary>
internal sealed unsafe class NativeBlock : SafeHandle
{
    /// <summary>Alignment of a block and of everything placed in it: a cache line, which is also the widest vector.</summary>
    public const int Alignment = 64;

    /// <summary>Readable bytes past the end.</summary>
    private const int Guard = 64;

    /// <summary>Takes the memory.</summary>
    /// <exception cref="NabiException">The machine has not that much memory.</exception>
    public NativeBlock(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > available)
            throw new NabiException($"This needs {bytes / 1e9:0.0} GB of memory at once, but the machine has {available / 1e9:0.0} GB; use a smaller batch or a smaller model.");
        var size = checked((nuint)(bytes + Guard));
        SetHandle((nint)NativeMemory.AlignedAlloc(size, Alignment));
        NativeMemory.Clear(Start, size);
    }

    public long Bytes { get; }

    public byte* Start => (byte*)handle;

    public override bool IsInvalid => handle == 0;

    /// <summary>The smallest multiple of <see cref="Alignment"/> that is not below.</summary>
    public static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
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
