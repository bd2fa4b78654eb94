using System.Buffers;

namespace Nabi.Runtime.Planning;

/// <summary>Tensors that stay at one address while the session lives: parameters and folded constants.</summary>
internal sealed unsafe class PinnedTensors : IDisposable
{
    private readonly Dictionary<Tensor, MemoryHandle> _handles = new(ReferenceEqualityComparer.Instance);

    public nint AddressOf(Tensor tensor)
    {
        if (!_handles.TryGetValue(tensor, out var handle)) _handles[tensor] = handle = tensor.Memory.Pin();
        return (nint)handle.Pointer;
    }

    public void Dispose()
    {
        foreach (var handle in _handles.Values) handle.Dispose();
        _handles.Clear();
    }
}
