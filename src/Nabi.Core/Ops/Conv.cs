namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Conv</c>: convolution (cross-correlation) over any number of spatial axes. Inputs: X [N, C, spatial], W [M, C/Group, kernel],
/// optional B [M]. Output [N, M, windows]. Accumulated in double precision.
/// </summary>
public sealed record Conv : Op
{
    /// <summary>The sliding window; the kernel's size is the weight's.</summary>
    public Window Window { get; init; } = new();

    /// <summary>Groups into which channels and filters are divided; equal to C for a depthwise convolution. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, weight) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (x.Input(0).DType != x.Input(1).DType) throw x.Fail($"its input is {x.Input(0).DType} and its weight {x.Input(1).DType}, which must be equal");
        if (data.Rank != weight.Rank) throw x.Fail($"input {data} and weight {weight} must have the same rank");
        if (x.Has(2) && !Shape.Create([weight[0]]).Accepts(x.Shape(2))) throw x.Fail($"a bias of shape {x.Shape(2)} does not fit {weight[0]} filters");
        return new TensorType(x.Input(0).DType, Convolution.OutputShape(data, weight, Resolve(data, weight), Group));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, weight) = (x.Input(0), x.Input(1));
        return Convolution.Forward(data.Cast(DType.Float64), weight.Cast(DType.Float64), x.Optional(2)?.Cast(DType.Float64),
            Resolve(data.Shape, weight.Shape), Group).Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(1).CountOf(1, x.Input(1).Rank));

    /// <summary>
    /// Without groups, input channels are consumed and filters make output channels. A depthwise convolution's channels pass through,
    /// and its groups go with them. Otherwise the same channels of every group go together, so that groups stay equal.
    /// </summary>
    public override void Couple(CouplingContext c)
    {
        var (x, w, y) = (c.Input(0), c.Input(1), c.Output());
        if (!x.Shape.IsRanked || !w.Shape.IsKnown) return;
        c.Tie(x, 0, y, 0);
        c.Produce(w, 0, y, 1);
        c.Produce(c.Optional(2), 0, y, 1);
        var (inputs, filters) = (w.Shape[1], w.Shape[0] / Group);
        if (Group == 1) c.Consume(x, 1, w, 1);
        else if (inputs == 1) c.Tie(w, 0, x, 1, m => m / filters);
        else
        {
            c.Tie(x, 1, w, 1, i => i % inputs);
            c.SetRole(w, 1, SliceRole.Input);
            c.Tie(y, 1, y, 1, m => m % filters);
        }
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n)
    {
        var isDepthwise = Group > 1 && n.Node.Inputs[1]!.Shape[1] == 1;
        return isDepthwise ? this with { Group = n.Size(n.Node.Inputs[0]!, 1) } : this;
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var (data, weight) = (g.Input(0), g.Input(1));
        var window = Window with { KernelShape = weight.Shape.Dims[2..].ToArray() };
        var toInput = new ConvInputGradient { Window = window, Group = Group, Spatial = data.Shape.Dims[2..].ToArray() };
        var toWeight = new ConvWeightGradient { Window = window, Group = Group };
        return
        [
            b.Apply(toInput, g.Grad, weight),
            b.Apply(toWeight, data, g.Grad),
            g.Has(2) ? b.SumToChannels(g.Grad) : null,
        ];
    }

    /// <summary>The window for an input and a weight of these shapes.</summary>
    public ResolvedWindow Resolve(Shape data, Shape weight) => Window.Resolve(data.Dims[2..], weight.Dims[2..]);
}
