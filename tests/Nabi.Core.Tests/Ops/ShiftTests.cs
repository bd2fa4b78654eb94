using Nabi.Core.Tests.Channels;
using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Operators;

public class ShiftTests
{
    [Fact]
    public void Channels_are_divided_evenly_and_the_rest_stays()
    {
        var shift = Shift.OfKernel(20, 3);
        Assert.Equal([-1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0], shift.Vertical);
        Assert.Equal([-1, -1, 0, 0, 1, 1, -1, -1, 0, 0, 1, 1, -1, -1, 0, 0, 1, 1, 0, 0], shift.Horizontal);
    }

    [Fact]
    public void It_costs_no_arithmetic()
    {
        var b = new GraphBuilder("g");
        var y = b.Apply(Shift.OfKernel(9, 3), b.Input("x", DType.Float32, [1, 9, 4, 4]));
        Assert.Equal((0, 0), (y.Producer!.Cost.Macs, y.Producer.Cost.Operations));
    }

    [Fact]
    public void Pruned_channels_take_their_offsets_along()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 5, 5]);
        var h = b.Apply(Shift.OfKernel(18, 3), b.Conv(x, b.Parameter("in", OperatorCases.Float(18, 3, 1, 1))));
        b.Output("y", b.Conv(h, b.Parameter("out", OperatorCases.Float(4, 18, 1, 1))));
        PruningAssert.PrunedEqualsMasked(b.Build(), ChannelGroups.Of(b.Build()));
    }

    [Fact]
    public void Offsets_that_do_not_fit_are_refused()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [1, 9, 4, 4]);
        Assert.Contains("8 offsets for an input of 9 channels", Assert.Throws<NabiException>(() => b.Apply(Shift.OfKernel(8, 3), x)).Message, StringComparison.Ordinal);
        Assert.Throws<NabiException>(() => b.Apply(new Shift { Vertical = [1], Horizontal = [1, 2] }, x));
        Assert.Throws<NabiException>(() => b.Apply(new Shift { Vertical = [int.MinValue], Horizontal = [0] }, b.Input("z", DType.Float32, [1, 1, 4, 4])));
    }
}
