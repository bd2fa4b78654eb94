using System.Runtime.InteropServices;

namespace Nabi.Ops;

/// <summary>
/// Where every element of an output comes from. The one place that moves elements, whatever their type, forth (gather) and back
/// (the transpose: scatter and add).
/// </summary>
/// <param name="Shape">Shape of the output.</param>
/// <param name="Sources">Per output element, in row-major order, the offset of its source element; -1 where there is none.</param>
internal sealed record Movement(Shape Shape, int[] Sources)
{
    /// <summary>A movement that treats each axis for itself.</summary>
    /// <param name="from">Shape of the source.</param>
    /// <param name="maps">Per axis, the source index of every output index (-1 for none); null keeps the axis as it is.</param>
    public static Movement Separable(Shape from, ReadOnlySpan<int[]?> maps)
    {
        var strides = from.Strides();
        var dims = new int[from.Rank];
        for (var axis = 0; axis < dims.Length; axis++) dims[axis] = maps[axis]?.Length ?? from[axis];
        var shape = Shape.Create(dims);
        int[] offsets = shape.Count == 0 ? [] : [0];
        for (var axis = 0; axis < dims.Length && offsets.Length > 0; axis++)
        {
            var next = new int[offsets.Length * dims[axis]];
            for (int i = 0, n = 0; i < offsets.Length; i++)
            {
                for (var j = 0; j < dims[axis]; j++, n++)
                {
                    var source = maps[axis] is { } map ? map[j] : j;
                    next[n] = offsets[i] < 0 || source < 0 ? -1 : offsets[i] + source * strides[axis];
                }
            }
            offsets = next;
        }
        return new Movement(shape, offsets);
    }

    /// <summary>A movement along one axis; the others stay as they are.</summary>
    public static Movement Along(Shape from, int axis, int[] map)
    {
        var maps = new int[]?[from.Rank];
        maps[axis] = map;
        return Separable(from, maps);
    }

    /// <summary>The output.</summary>
    /// <param name="data">The source.</param>
    /// <param name="fill">One element of the source's type for what has no source; zero when null.</param>
    public Tensor Take(Tensor data, Tensor? fill = null)
    {
        if (data.DType == DType.Int4) return Take(data.Cast(DType.Int8), fill?.Cast(DType.Int8)).Cast(DType.Int4);
        return data.DType.Bits() switch
        {
            8 => Take<byte>(data, fill),
            16 => Take<ushort>(data, fill),
            32 => Take<uint>(data, fill),
            _ => Take<ulong>(data, fill),
        };
    }

    /// <summary>The transpose of <see cref="Take(Tensor, Tensor?)"/>: every element is added to its source. Accumulated in double precision.</summary>
    /// <param name="gradient">A floating-point tensor of the output's shape.</param>
    /// <param name="source">Shape of the source.</param>
    public Tensor AddBack(Tensor gradient, Shape source)
    {
        var sums = Tensor.Zeros(DType.Float64, source);
        var to = sums.Span<double>();
        var from = gradient.Cast(DType.Float64).Span<double>();
        for (var i = 0; i < Sources.Length; i++)
            if (Sources[i] >= 0) to[Sources[i]] += from[i];
        return sums.Cast(gradient.DType);
    }

    private Tensor Take<T>(Tensor data, Tensor? fill) where T : unmanaged
    {
        var result = Tensor.Empty(data.DType, Shape);
        var from = MemoryMarshal.Cast<byte, T>(data.Bytes);
        var to = MemoryMarshal.Cast<byte, T>(result.Bytes);
        var none = fill is null ? default : MemoryMarshal.Cast<byte, T>(fill.Bytes)[0];
        for (var i = 0; i < to.Length; i++) to[i] = Sources[i] < 0 ? none : from[Sources[i]];
        return result;
    }
}
