namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ConvTranspose</c>: the transpose of the linear map that <see cref="Conv"/> is, that is, the convolution's input gradient.
/// Inputs: X [N, C, spatial], W [C, M/Group, kernel], optional B [M]. Output [N, M, larger spatial]. Accumulated in double precision.
/// </summary>
public sealed record ConvTranspose : Op
{
    /// <summary>The window of the convolution that this transposes; pads shrink the output.</summary>
    public Window Window { get; init; } = new();

    /// <summary>Groups into which channels and filters are divided. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <summary>Elements added at the end of each spatial axis of the output. Default 0.</summary>
    public ValueArray<int> OutputPadding { get; init; } = [];

    /// <summary>Spatial sizes of the output, from which the pads are computed; empty when pads decide. Default empty.</summary>
    public ValueArray<int> OutputShape { get; init; } = [];

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, weight) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (data.Rank != weight.Rank) throw x.Fail($"input {data} and weight {weight} must have the same rank");
        if (Group < 1) throw x.Fail($"group is {Group} but must be 1 or more");
        if (data[1] != weight[0] && data[1] != Shape.Unknown && weight[0] != Shape.Unknown || weight[0] % Group != 0)
            throw x.Fail($"an input of {data[1]} channels in {Group} groups does not fit a weight of shape {weight}");
        var filters = weight[1] == Shape.Unknown ? Shape.Unknown : Ops.Window.Size((long)weight[1] * Group);
        if (x.Has(2) && !Shape.Create([filters]).Accepts(x.Shape(2))) throw x.Fail($"a bias of shape {x.Shape(2)} does not fit {filters} filters");
        return new TensorType(x.Input(0).DType, Convolution.Joined(data[0], filters, Resolve(data, weight).Input));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, weight) = (x.Input(0).Cast(DType.Float64), x.Input(1).Cast(DType.Float64));
        var y = Convolution.InputGradient(data, weight, Resolve(data.Shape, weight.Shape), Group);
        if (x.Optional(2) is { } bias) Convolution.AddPerChannel(y, bias.Cast(DType.Float64).Span<double>());
        return y.Cast(x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Input(0).Count * x.Input(1).CountOf(1, x.Input(1).Rank));

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var (x, w, y) = (c.Input(0), c.Input(1), c.Output());
        if (!x.Shape.IsRanked || !w.Shape.IsKnown) return;
        c.Tie(x, 0, y, 0);
        if (Group == 1)
        {
            c.Consume(x, 1, w, 0);
            c.Produce(w, 1, y, 1);
            c.Produce(c.Optional(2), 0, y, 1);
        }
        else if (w.Shape[1] == 1)
        {
            c.Tie(x, 1, w, 0);
            c.Produce(w, 0, y, 1);
            c.Produce(c.Optional(2), 0, y, 1);
        }
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n) => Group > 1 ? this with { Group = n.Size(n.Node.Inputs[0]!, 1) } : this;

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var (data, weight) = (g.Input(0), g.Input(1));
        var window = Resolve(data.Shape, weight.Shape).Explicit();
        return
        [
            b.Apply(new Conv { Window = window, Group = Group }, g.Grad, weight),
            b.Apply(new ConvWeightGradient { Window = window, Group = Group }, g.Grad, data),
            g.Has(2) ? b.SumToChannels(g.Grad) : null,
        ];
    }

    /// <summary>The window of the convolution that leads back: its input is this operator's output, its windows are this operator's input.</summary>
    public ResolvedWindow Resolve(Shape data, Shape weight)
    {
        var sides = Window.Sides(data.Dims[2..], weight.Dims[2..]);
        var rank = sides.Rank;
        if (!OutputPadding.IsEmpty && OutputPadding.Count != rank) throw new NabiException($"output_padding {OutputPadding} has {OutputPadding.Count} numbers where {rank} are needed");
        if (!OutputShape.IsEmpty && OutputShape.Count < rank) throw new NabiException($"output_shape {OutputShape} has {OutputShape.Count} numbers where {rank} are needed");
        var (begin, end, output) = (new int[rank], new int[rank], new int[rank]);
        for (var i = 0; i < rank; i++) (begin[i], end[i], output[i]) = Axis(sides, i);
        return sides with { Input = output, Output = sides.Input, PadBegin = begin, PadEnd = end };
    }

    private (int Begin, int End, int Size) Axis(ResolvedWindow sides, int i)
    {
        var (begin, end) = Window.AutoPad == AutoPad.NotSet ? (sides.PadBegin[i], sides.PadEnd[i]) : (0, 0);
        var isSame = Window.AutoPad is AutoPad.SameUpper or AutoPad.SameLower;
        var given = OutputShape.IsEmpty ? Shape.Unknown : OutputShape[OutputShape.Count - sides.Rank + i];
        if (sides.Input[i] == Shape.Unknown) return (begin, end, given);
        var extra = OutputPadding.IsEmpty ? 0 : OutputPadding[i];
        if (extra < 0 || extra >= Math.Max(sides.Strides[i], sides.Dilations[i]))
            throw new NabiException($"output_padding {OutputPadding} must be smaller than stride or dilation");
        var full = (sides.Input[i] - 1L) * sides.Strides[i] + extra + sides.Extent(i);
        if (OutputShape.IsEmpty && !isSame)
        {
            var size = full - begin - end;
            return size is >= 0 and <= int.MaxValue ? (begin, end, (int)size) : throw new NabiException($"pads {Window.Pads} leave {size} elements of spatial axis {i}");
        }
        var wanted = given != Shape.Unknown ? given : Ops.Window.Size((long)sides.Input[i] * sides.Strides[i]);
        var total = Ops.Window.Size(Math.Max(0, full - wanted));
        return Window.AutoPad == AutoPad.SameUpper ? (total / 2, total - total / 2, wanted) : (total - total / 2, total / 2, wanted);
    }
}
