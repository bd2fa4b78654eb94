using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A^T m A of the products' results, then the epilogue; what of a tile lies outside the image is not written.</summary>
internal readonly unsafe struct WinogradOutput<TTile>
    where TTile : unmanaged, IWinogradTile
{
    private readonly WinogradGrid grid;
    private readonly float* output;
    private readonly long stride;
    private readonly Epilogue epilogue;

    /// <summary>Whether the activation is a range, done in registers; else none, or one that is applied to the stored tile.</summary>
    private readonly bool limits;
    private readonly bool isDone;
    private readonly float low;
    private readonly float high;

    public WinogradOutput(in WinogradGrid grid, float* output, long stride, in Epilogue epilogue)
    {
        this.grid = grid;
        this.output = output;
        this.stride = stride;
        this.epilogue = epilogue;
        isDone = epilogue.Activation.TryGetRange(out low, out high);
        limits = isDone && epilogue.Activation.Kind != UnaryKind.Identity;
    }

    /// <summary>Takes tiles first.. of one panel of channels as [products][tiles][2 * lanes].</summary>
    [SkipLocalsInit]
    public void Transform<L, V>(int first, int count, int panel, float* results)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var outputs = TTile.Outputs;
        var rows = stackalloc float[outputs * TTile.Points * L.Count];
        var numbers = stackalloc long[outputs * outputs];
        var width = 2 * L.Count;
        var column = panel * width;
        var columns = Math.Min(width, grid.WriteChannels - column);
        var rest = new FloatSink(output, stride, new Epilogue { Activation = epilogue.Activation });
        var place = TilePlace.Of(grid, first);
        for (var tile = 0; tile < count; tile++, results += width, place.MoveOn(grid))
        {
            var (y, x) = (place.Row * outputs, place.Column * outputs);
            var (rowCount, columnCount) = (Math.Min(outputs, grid.WriteHeight - y), Math.Min(outputs, grid.WriteWidth - x));
            var pixel = ((((long)place.Image * grid.WriteHeight) + y) * grid.WriteWidth) + x;
            for (var part = 0; part < columns; part += L.Count)
                Register<L, V>(results + part, rows, pixel, rowCount, columnCount, column + part, columns - part);
            if (isDone)
                continue;
            for (var i = 0; i < rowCount * columnCount; i++)
                numbers[i] = pixel + ((long)(i / columnCount) * grid.WriteWidth) + (i % columnCount);
            rest.Finish(numbers, rowCount * columnCount, column, columns);
        }
    }

    /// <summary>One register of channels of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Register<L, V>(float* results, float* rows, long pixel, int rowCount, int columnCount, int channel, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (points, plane) = (TTile.Points, (nint)grid.OutputPlane);
        for (var j = 0; j < points; j++)
            TTile.Output<L, V>(results + (j * plane), points * plane, rows + (j * L.Count), points * L.Count);
        for (var i = 0; i < rowCount; i++, pixel += grid.WriteWidth)
        {
            TTile.Output<L, V>(rows, L.Count, rows, L.Count);
            Store<L, V>(rows, pixel, columnCount, channel, left);
            rows += points * L.Count;
        }
    }

    /// <summary>Stores a register for each of <paramref name="count"/> neighbouring pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store<L, V>(float* source, long pixel, int count, int channel, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        V bias = epilogue.Bias is null ? default : Simd.Load<L, V>(epilogue.Bias + channel, left);
        var target = output + (pixel * stride) + channel;
        var residual = epilogue.Residual is null ? null : epilogue.Residual + (pixel * epilogue.ResidualStride) + channel;
        for (var i = 0; i < count; i++, source += L.Count, target += stride)
        {
            var value = L.Add(L.Load(source), bias);
            if (epilogue.Accumulate)
                value = L.Add(value, Simd.Load<L, V>(target, left));
            if (residual is not null)
            {
                value = L.Add(value, Simd.Load<L, V>(residual, left));
                residual += epilogue.ResidualStride;
            }
            if (limits)
                value = L.Clamp(value, low, high);
            Simd.Store<L, V>(value, target, left);
        }
    }
}
