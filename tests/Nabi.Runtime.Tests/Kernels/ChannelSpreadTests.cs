using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ChannelSpreadTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<int, int> Sizes
    {
        get
        {
            var sizes = new TheoryData<int, int>();
            foreach (var count in (int[])[1, 5, 16, 37, 100])
                foreach (var times in (int[])[1, 2, 3, 6, 16, 17, 40]) sizes.Add(count, times);
            return sizes;
        }
    }

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public void RepeatsEveryElementAndAddsThemUp(int count, int times)
    {
        using var x = Given.Floats(count, 1);
        using var repeated = new GuardedBuffer<float>(count * times);
        using var sums = new GuardedBuffer<float>(count);
        ChannelSpread.Repeat(pool, count, times, x.Pointer, repeated.Pointer);
        ChannelSpread.Sum(pool, count, times, repeated.Pointer, sums.Pointer);
        for (var i = 0; i < count * times; i++) Assert.Equal(x.Span[i / times], repeated.Span[i]);
        for (var i = 0; i < count; i++) Assert.Equal(x.Span[i] * times, sums.Span[i], 1e-5f * times);
    }
}
