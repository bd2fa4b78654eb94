using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class StridedCopyTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(new long[] { 2, 3, 5, 7 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new long[] { 2, 3, 33, 41 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new long[] { 2, 33, 17, 5 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new long[] { 2, 5, 7, 40 }, new[] { 0, 3, 1, 2 })]
    [InlineData(new long[] { 1, 64, 30, 30 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new long[] { 19, 35 }, new[] { 1, 0 })]
    [InlineData(new long[] { 3, 4, 5, 6 }, new[] { 3, 2, 1, 0 })]
    [InlineData(new long[] { 3, 4, 5, 6 }, new[] { 1, 0, 2, 3 })]
    [InlineData(new long[] { 3, 4, 5 }, new[] { 0, 1, 2 })]
    [InlineData(new long[] { 2, 0, 5 }, new[] { 2, 1, 0 })]
    [InlineData(new long[] { 2, 2, 2, 2, 2 }, new[] { 4, 1, 3, 0, 2 })]
    [InlineData(new long[] { }, new int[] { })]
    public void EveryElementMovesWhereItsAxesSay(long[] shape, int[] permutation)
    {
        long count = 1;
        foreach (var s in shape)
            count *= s;
        using var x = Given.Bytes(count, 5);
        using var y = new GuardedBuffer<sbyte>(count);
        var strides = new long[shape.Length];
        long stride = 1;
        for (var axis = shape.Length - 1; axis >= 0; stride *= shape[axis--])
            strides[axis] = stride;
        var dims = Array.ConvertAll(permutation, axis => (int)shape[axis]);
        var written = new long[shape.Length];
        stride = 1;
        for (var axis = shape.Length - 1; axis >= 0; stride *= dims[axis--])
            written[axis] = stride;
        new StridedCopy(dims, Array.ConvertAll(permutation, axis => strides[axis]), written, 1).Run(pool, (byte*)x.Pointer, (byte*)y.Pointer);
        var index = new long[shape.Length];
        for (var i = 0; i < count; i++)
        {
            long rest = i;
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                var size = shape[permutation[axis]];
                index[permutation[axis]] = rest % size;
                rest /= size;
            }
            long from = 0;
            for (var axis = 0; axis < shape.Length; axis++)
                from = (from * shape[axis]) + index[axis];
            Assert.Equal(x[(int)from], y[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(1073)]
    public void ThreePlanesAreWovenIntoPixels(int pixels)
    {
        using var x = Given.Bytes(2L * 3 * pixels * sizeof(int), 5);
        using var y = new GuardedBuffer<sbyte>(2L * 3 * pixels * sizeof(int));
        new StridedCopy([2, pixels, 3], [3L * pixels, 1, pixels], [3L * pixels, 3, 1], sizeof(int)).Run(pool, (byte*)x.Pointer, (byte*)y.Pointer);
        var planes = (int*)x.Pointer;
        var woven = (int*)y.Pointer;
        for (var n = 0; n < 2; n++)
            for (var p = 0; p < pixels; p++)
                for (var c = 0; c < 3; c++) Assert.Equal(planes[(((n * 3) + c) * pixels) + p], woven[(((n * pixels) + p) * 3) + c]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void ElementsOfAnySizeAreRepeatedAndReversed(int size)
    {
        const int rows = 40, columns = 19;
        using var x = Given.Bytes(columns * size, 3);
        using var y = new GuardedBuffer<sbyte>(rows * columns * size);
        new StridedCopy([rows, columns], [0, -1], [columns, 1], size).Run(pool, (byte*)x.Pointer + ((columns - 1) * size), (byte*)y.Pointer);
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                for (var i = 0; i < size; i++)
                    Assert.Equal(x[((columns - 1 - c) * size) + i], y[(((r * columns) + c) * size) + i]);
    }

    [Fact]
    public void RefusesMoreAxesThanItWalks() =>
        Assert.Throws<ArgumentException>(() => new StridedCopy([2, 2, 2, 2, 2, 2, 2, 2, 2], [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1], 4));
}
