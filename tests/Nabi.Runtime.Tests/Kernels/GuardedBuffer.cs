using System.Runtime.InteropServices;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Memory between two pages that may not be touched: the data ends exactly at the second, so reading or writing past it ends the process.</summary>
/// <remarks>Linux only; elsewhere ordinary memory.</remarks>
internal sealed unsafe partial class GuardedBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int PageSize = 4096;
    private readonly nint mapping;
    private readonly nuint mapped;

    public GuardedBuffer(long length, bool atStart = false)
    {
        Length = (int)length;
        var bytes = (nuint)length * (nuint)sizeof(T);
        var pages = (bytes + PageSize - 1) / PageSize * PageSize;
        mapped = pages + (2 * PageSize);
        if (!OperatingSystem.IsLinux())
        {
            mapping = (nint)NativeMemory.AllocZeroed(mapped);
            Pointer = (T*)(mapping + PageSize);
            return;
        }
        mapping = Native.mmap(0, mapped, Native.ReadWrite, Native.PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, mapping);
        Assert.Equal(0, Native.mprotect(mapping, PageSize, 0));
        Assert.Equal(0, Native.mprotect(mapping + PageSize + (nint)pages, PageSize, 0));
        Pointer = (T*)(mapping + PageSize + (atStart ? 0 : (nint)(pages - bytes)));
    }

    public T* Pointer { get; }

    public int Length { get; }

    public Span<T> Span => new(Pointer, Length);

    public ref T this[int index] => ref Span[index];

    public void Dispose()
    {
        if (OperatingSystem.IsLinux())
            _ = Native.munmap(mapping, mapped);
        else
            NativeMemory.Free((void*)mapping);
    }
}

internal static partial class Native
{
    public const int ReadWrite = 3;
    public const int PrivateAnonymous = 0x22;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int munmap(nint address, nuint length);
}
