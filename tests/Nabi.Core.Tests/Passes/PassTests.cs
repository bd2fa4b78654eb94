using Nabi.Ops;
using Nabi.Passes;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Passes;

public class PassTests
{
    [Fact]
    public void Constants_are_folded_but_trainable_parameters_are_not()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2]);
        var frozen = b.Exp(b.Add(b.Constant(Tensor.Vector(1f, 2f)), b.Scalar(1, x)));
        var learned = b.Exp(b.Parameter("w", Tensor.Vector(1f, 2f)));
        b.Output("y", b.Mul(b.Mul(x, frozen), learned));
        var graph = AssertSame(b.Build(), FoldConstants.Pass);

        Assert.Equal(["Exp", "Mul", "Mul"], Operators(graph));
    }

    [Fact]
    public void Quantized_weights_are_folded_only_when_asked()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2]);
        var w = b.Apply(new DequantizeLinear(), b.Constant(Tensor.Vector<sbyte>(10, -3)), b.Constant(Tensor.Scalar(0.5f)));
        b.Output("y", b.Mul(x, w));
        var graph = b.Build();

        Assert.Equal(["DequantizeLinear", "Mul"], Operators(graph.Through(FoldConstants.Pass)));
        Assert.Equal(["Mul"], Operators(AssertSame(graph, FoldConstants.WithDequantized)));
    }

    [Fact]
    public void A_fold_that_would_grow_beyond_the_bound_is_left()
    {
        var b = new GraphBuilder("g");
        b.Output("y", b.Apply(new Expand(), b.Constant(Tensor.Scalar(1f)), b.Integers(1 << 12, 1 << 11)));
        var graph = b.Build();
        Assert.Single(graph.Through(FoldConstants.Pass).Nodes);
    }

    [Fact]
    public void What_changes_nothing_is_removed()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 4, 6]);
        var y = b.Apply(new Identity(), x);
        y = b.Apply(new Reshape(), y, b.Integers(-1, 4, 6));
        y = b.Transpose(b.Transpose(y, 2, 0, 1), 1, 2, 0);
        y = b.Pad(y, 0, 0, 0, 0, 0, 0);
        y = b.Slice(y, 1, 0);
        y = b.Apply(new Slice(), y, b.Integers(0), b.Integers(long.MaxValue), b.Integers(0));
        y = b.Squeeze(b.Unsqueeze(y, 0), 0);
        y = b.Concat(1, y);
        y = b.Tile(y, 1, 1, 1);
        y = b.Apply(new Cast(DType.Float32), y);
        b.Output("y", b.Relu(y));

        Assert.Equal(["Relu"], Operators(AssertSame(b.Build(), RemoveIdentity.Pass)));
    }

    [Fact]
    public void What_only_looks_like_an_identity_stays()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [4, 4]);
        var y = b.Slice(x, 0, -1, long.MinValue, -1);
        y = b.Transpose(y, 1, 0);
        b.Output("y", b.Apply(new Expand(), y, b.Input("to", DType.Int64, [2])));
        Assert.Equal(["Slice", "Transpose", "Expand"], Operators(b.Build().Through(RemoveIdentity.Pass)));
    }

    [Fact]
    public void Chains_of_views_become_one()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 4, 6]);
        b.Output("y", b.Unsqueeze(b.Flatten(b.Reshape(x, [Shape.Unknown, 2, 12])), 1));
        var graph = AssertSame(b.Build(), RemoveIdentity.Pass);
        Assert.Equal(["Reshape"], Operators(graph));
        Assert.Equal([Shape.Unknown, 1, 24], graph.Outputs[0].Value.Shape);
    }

    [Fact]
    public void Equal_computations_become_one()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2, 3]);
        b.Output("y", b.Add(b.Transpose(b.Exp(x), 1, 0), b.Add(b.Transpose(b.Exp(x), 1, 0), b.Transpose(b.Reshape(b.Exp(x), [3, 2]), 0, 1))));
        var graph = AssertSame(b.Build(), CommonSubexpressions.Pass);
        Assert.Equal(["Add", "Add", "Exp", "Reshape", "Transpose", "Transpose"], Operators(graph).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Statistics_that_are_equal_before_a_training_stay_apart()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2, 3]);
        for (var i = 0; i < 2; i++)
        {
            x = b.BatchNorm(x, b.Parameter("scale", Tensor.Full<float>([3], 1)), b.Parameter("shift", Tensor.Zeros(DType.Float32, [3])),
                b.Constant(Tensor.Zeros(DType.Float32, [3]), "mean"), b.Constant(Tensor.Full<float>([3], 1), "variance"));
        }
        b.Output("y", x);
        Assert.Equal(8, AssertSame(b.Build(), CommonSubexpressions.Pass).Parameters.Count);
    }

    /// <summary>What PyTorch writes for x.view(x.size(0), -1), x.view(x.size(0), c // 2, 2, h, w) and interpolation to twice the size.</summary>
    [Fact]
    public void Shapes_with_an_unknown_batch_become_static()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 4, 3, 5]);
        var shape = b.Apply(new ShapeOf(), b.Relu(x));
        var batch = b.Unsqueeze(b.Gather(shape, b.Constant(Tensor.Scalar(0L))), 0);
        var half = b.Unsqueeze(b.Div(b.Gather(shape, b.Constant(Tensor.Scalar(1L))), b.Constant(Tensor.Scalar(2L))), 0);
        var grouped = b.Apply(new Reshape(), x, b.Concat(0, batch, half, b.Integers(2), b.Slice(shape, 0, 2, 4)));
        b.Output("flat", b.Apply(new Reshape(), b.Relu(grouped), b.Concat(0, batch, b.Integers(-1))));
        var doubled = b.Mul(b.Slice(shape, 0, 2), b.Integers(2, 2));
        b.Output("large", b.Apply(new Resize { Mode = "linear" }, x, null, null, b.Concat(0, b.Slice(shape, 0, 0, 2), doubled)));
        b.Output("wide", b.Apply(new Expand(), b.ReduceSum(x, [1, 2, 3]), b.Concat(0, batch, b.Integers(2, 1, 3))));
        var graph = AssertSame(b.Build(), SimplifyShapes.Pass);

        Assert.Equal(["Expand", "ReduceSum", "Relu", "Reshape", "Reshape", "Resize"], Operators(graph).Order(StringComparer.Ordinal));
        Assert.Equal([Shape.Unknown, 60], graph.Outputs[0].Value.Shape);
        Assert.Equal([Shape.Unknown, 4, 6, 10], graph.Outputs[1].Value.Shape);
        Assert.Equal([Shape.Unknown, 2, 1, 3], graph.Outputs[2].Value.Shape);
    }

    [Fact]
    public void A_dimension_that_is_not_the_same_stays_dynamic()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, Shape.Unknown]);
        var other = b.Input("other", DType.Float32, [Shape.Unknown, 2]);
        b.Output("y", b.Apply(new Expand(), x, b.Concat(0, b.Slice(b.Apply(new ShapeOf(), other), 0, 0, 1), b.Integers(1))));
        Assert.Equal(["Shape", "Slice", "Concat", "Expand"], Operators(b.Build().Through(SimplifyShapes.Pass)));
    }

    public static TheoryData<string> Linears => ["conv", "grouped", "transposed", "gemm", "matmul", "matmul+add"];

    [Theory]
    [MemberData(nameof(Linears))]
    public void Batch_normalization_is_folded(string kind)
    {
        var b = new GraphBuilder("g");
        var image = kind is "conv" or "grouped" or "transposed";
        var x = b.Input("x", DType.Float32, image ? [Shape.Unknown, 4, 5, 5] : [Shape.Unknown, 4]);
        var channels = 6;
        var y = kind switch
        {
            "conv" => b.Apply(new Conv(), x, b.Parameter("w", OperatorCases.Float(6, 4, 3, 3)), b.Parameter("c", OperatorCases.Float(6))),
            "grouped" => b.Apply(new Conv { Group = 2 }, x, b.Parameter("w", OperatorCases.Float(6, 2, 3, 3))),
            "transposed" => b.Apply(new ConvTranspose { Group = 2 }, x, b.Parameter("w", OperatorCases.Float(4, 3, 3, 3))),
            "gemm" => b.Apply(new Gemm { TransB = true, Alpha = 0.5f, Beta = 2 }, x, b.Parameter("w", OperatorCases.Float(6, 4)), b.Parameter("c", OperatorCases.Float(6))),
            "matmul" => b.MatMul(x, b.Parameter("w", OperatorCases.Float(4, 6))),
            _ => b.Add(b.Parameter("c", OperatorCases.Float(1, 6)), b.MatMul(x, b.Parameter("w", OperatorCases.Float(4, 6)))),
        };
        y = b.Apply(new BatchNormalization(), y, b.Parameter("scale", OperatorCases.Float(channels)), b.Parameter("shift", OperatorCases.Float(channels)),
            b.Constant(OperatorCases.Float(channels)), b.Constant(OperatorCases.Positive(channels)));
        b.Output("y", b.Relu(y));
        var graph = AssertSame(b.Build(), FoldBatchNormalization.Pass, tolerance: 1e-5);

        Assert.DoesNotContain("BatchNormalization", Operators(graph));
        Assert.Equal(kind.StartsWith("matmul", StringComparison.Ordinal) ? 3 : 2, graph.Nodes.Count);
        Assert.True(graph.Parameter("w")!.IsTrainable);
    }

    [Fact]
    public void Batch_normalization_stays_when_the_convolution_has_another_reader()
    {
        var b = new GraphBuilder("g");
        var y = b.Apply(new Conv(), b.Input("x", DType.Float32, [1, 2, 4, 4]), b.Parameter("w", OperatorCases.Float(3, 2, 3, 3)));
        var norm = b.Apply(new BatchNormalization(), [y, .. Enumerable.Range(0, 4).Select(_ => b.Constant(OperatorCases.Positive(3)))]);
        b.Output("y", b.Add(y, norm));
        Assert.Equal(["Conv", "BatchNormalization", "Add"], Operators(b.Build().Through(FoldBatchNormalization.Pass)));
    }

    private static string[] Operators(Graph graph) => [.. graph.Nodes.Select(n => n.Op.Name)];

    private static Graph AssertSame(Graph graph, Pass pass, double tolerance = 0)
    {
        var result = graph.Through(pass);
        var feed = graph.Inputs.ToDictionary(i => i.Name, i => OperatorCases.Float([.. i.Shape.Select(d => d == Shape.Unknown ? 2 : d)]));
        var (expected, actual) = (ReferenceEvaluator.Run(graph, feed), ReferenceEvaluator.Run(result, feed));
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.Type, actual[name].Type);
            var (a, b) = (tensor.ToSingle(), actual[name].ToSingle());
            for (var i = 0; i < a.Length; i++) Assert.True(Math.Abs(a[i] - b[i]) <= tolerance * Math.Max(1, Math.Abs(a[i])), $"{name}[{i}]: {a[i]} became {b[i]}");
        }
        return result;
    }
}
