using System.Runtime.InteropServices;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>A kernel with operands of one size, to be run again and again.</summary>
public abstract unsafe class KernelCase : IDisposable
{
    private readonly List<nint> _memory = [];

    /// <summary>What runs, with its sizes.</summary>
    public required string Name { get; init; }

    /// <summary>Operations of one run: two per multiply-accumulate.</summary>
    public abstract double Operations { get; }

    /// <summary>Whether the bound is that of integer dot products, not of float multiply-adds.</summary>
    public virtual bool IsInteger => false;

    /// <summary>Makes operands and packs weights.</summary>
    internal abstract void Prepare(WorkPool pool);

    internal abstract void Run(WorkPool pool);

    public void Dispose()
    {
        foreach (var p in _memory) NativeMemory.AlignedFree((void*)p);
        _memory.Clear();
    }

    public override string ToString() => Name;

    /// <summary>Memory with small numbers of both signs, for floats as well as for bytes; lives as long as the case.</summary>
    protected float* Allocate(long floats)
    {
        var p = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(1, floats) * sizeof(float), 64);
        for (long i = 0; i < floats; i++) p[i] = ((i * 7919 % 2001) - 1000) * 1e-3f;
        _memory.Add((nint)p);
        return p;
    }

    /// <summary>The same for bytes.</summary>
    protected byte* AllocateBytes(long bytes) => (byte*)Allocate((bytes / sizeof(float)) + 1);
}
