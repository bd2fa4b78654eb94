using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests;

/// <summary>Absurd numbers in files end in a sentence, not in an overflow or a division by zero.</summary>
public class HostileShapeTests
{
    public static TheoryData<string> Cases => ["tile", "pad", "reshape", "depth", "space", "col2im", "onehot", "topk", "slice", "gathernd", "crop", "resize", "range"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_absurd_number_is_refused(string @case)
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2, 4, 4, 4]);
        Assert.Throws<NabiException>(() => @case switch
        {
            "tile" => b.Tile(x, int.MaxValue, int.MaxValue, 1, 1),
            "pad" => b.Pad(x, long.MaxValue, 0, 0, 0, long.MaxValue, 0, 0, 0),
            "reshape" => b.Apply(new Reshape(), x, b.Integers(1L << 40)),
            "depth" => b.Apply(new DepthToSpace { Blocksize = 1 << 16 }, b.Input("e", DType.Float32, [1, 0, int.MaxValue, 1])),
            "space" => b.Apply(new SpaceToDepth { Blocksize = 1 << 16 }, b.Input("e", DType.Float32, [1, 4, 0, 0])),
            "col2im" => b.Apply(new Col2Im(), b.Input("e", DType.Float32, [1, 4, 4]), b.Integers(2, 2), b.Integers(long.MaxValue, long.MaxValue)),
            "onehot" => b.Apply(new OneHot(), b.Integers(1), b.Integers(long.MinValue), b.Constant(Tensor.Vector(0f, 1f))),
            "topk" => b.Apply(new TopK(), x, b.Integers(5)),
            "slice" => b.Slice(x, 0, 0, 1, 0),
            "gathernd" => b.Apply(new GatherND { BatchDims = 1 }, x, b.Input("i", DType.Int64, [3, 1])),
            "crop" => b.Apply(new CenterCropPad { Axes = [0] }, x, b.Integers(-5)),
            "resize" => b.Apply(new Resize(), x, null, b.Constant(Tensor.Vector(1f, 1, float.NaN, 1e30f))),
            _ => b.Apply(new Nabi.Ops.Range(), b.Constant(Tensor.Scalar(0L)), b.Constant(Tensor.Scalar(5L)), b.Constant(Tensor.Scalar(0L))),
        });
    }

    [Fact]
    public void A_step_as_long_as_possible_takes_the_first()
    {
        var b = new GraphBuilder("g");
        var x = b.Constant(OperatorCases.Float(5));
        b.Output("y", b.Slice(x, 0, 1, long.MaxValue, long.MaxValue));
        b.Output("z", b.Slice(x, 0, -1, long.MinValue, long.MinValue + 1));
        var results = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor>());
        Assert.Equal([x.Data!.ToSingle()[1]], results["y"].ToSingle());
        Assert.Equal([x.Data!.ToSingle()[4]], results["z"].ToSingle());
    }
}
