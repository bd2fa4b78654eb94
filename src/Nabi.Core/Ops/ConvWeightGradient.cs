namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="Conv"/> with respect to its weight. Inputs: X [N, C, spatial], dY [N, M, windows].
/// Output [M, C/Group, kernel]. Bilinear, so its gradients are <see cref="ConvInputGradient"/> and a convolution.
/// </summary>
public sealed record ConvWeightGradient : Op
{
    /// <summary>The window of the convolution, with its kernel's size.</summary>
    public Window Window { get; init; } = new();

    /// <summary>The groups of the convolution. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, grad) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (Group < 1) throw x.Fail($"group is {Group} but must be 1 or more");
        var window = Resolve(data);
        if (!Convolution.Joined(data[0], grad[1], window.Output).Accepts(grad))
            throw x.Fail($"the incoming gradient is {grad} where the convolution has windows {window.Output}");
        var channels = data[1] == Shape.Unknown ? Shape.Unknown : data[1] / Group;
        return new TensorType(x.Input(0).DType, Convolution.Joined(grad[1], channels, window.Kernel));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Convolution.WeightGradient(x.Input(0).Cast(DType.Float64), x.Input(1).Cast(DType.Float64),
        Resolve(x.Input(0).Shape), Group).Cast(x.Input(0).DType);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Input(1).Count * x.Output().CountOf(1, x.Output().Rank));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var toInput = new ConvInputGradient { Window = Window, Group = Group, Spatial = g.Input(0).Shape.Dims[2..].ToArray() };
        return [g.Builder.Apply(toInput, g.Input(1), g.Grad), g.Builder.Apply(new Conv { Window = Window, Group = Group }, g.Input(0), g.Grad)];
    }

    /// <summary>The window of the convolution for an input of this shape.</summary>
    public ResolvedWindow Resolve(Shape data) => Window.Resolve(data.Dims[2..]);
}
