namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="Conv"/> with respect to its input. Inputs: dY [N, M, windows], W [M, C/Group, kernel].
/// Output [N, C, <see cref="Spatial"/>]. Bilinear, so its gradients are a convolution and <see cref="ConvWeightGradient"/>.
/// </summary>
public sealed record ConvInputGradient : Op
{
    /// <summary>The window of the convolution.</summary>
    public Window Window { get; init; } = new();

    /// <summary>The groups of the convolution. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <summary>Spatial sizes of the convolution's input.</summary>
    public ValueArray<int> Spatial { get; init; } = [];

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (grad, weight) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (Spatial.Count != weight.Rank - 2) throw x.Fail($"it states {Spatial.Count} spatial sizes for a weight of shape {weight}");
        foreach (var size in Spatial.Span)
            if (size < 0) throw x.Fail("the spatial size of the convolution's input must be known; fix the input's height and width before differentiating");
        if (Group < 1) throw x.Fail($"group is {Group} but must be 1 or more");
        var channels = weight[1] == Shape.Unknown ? Shape.Unknown : Ops.Window.Size((long)weight[1] * Group);
        var data = Convolution.Joined(grad[0], channels, Spatial);
        var forward = Convolution.OutputShape(data, weight, Resolve(weight), Group);
        if (!forward.Accepts(grad)) throw x.Fail($"the incoming gradient is {grad} where the convolution's output is {forward}");
        return new TensorType(x.Input(0).DType, data);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Convolution.InputGradient(x.Input(0).Cast(DType.Float64), x.Input(1).Cast(DType.Float64),
        Resolve(x.Input(1).Shape), Group).Cast(x.Input(0).DType);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Input(0).Count * x.Input(1).CountOf(1, x.Input(1).Rank));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
    [
        g.Builder.Apply(new Conv { Window = Window, Group = Group }, g.Grad, g.Input(1)),
        g.Builder.Apply(new ConvWeightGradient { Window = Window with { KernelShape = g.Input(1).Shape.Dims[2..].ToArray() }, Group = Group }, g.Grad, g.Input(0)),
    ];

    /// <summary>The window of the convolution for a weight of this shape.</summary>
    public ResolvedWindow Resolve(Shape weight) => Window.Resolve(Spatial.Span, weight.Dims[2..]);
}
