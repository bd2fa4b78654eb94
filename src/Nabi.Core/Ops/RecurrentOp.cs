namespace Nabi.Ops;

/// <summary>
/// A recurrent layer over T steps. Inputs: X [T, N, I], W [D, G H, I], R [D, G H, H], and optionally B [D, 2 G H] (the biases of W, then those of R), the
/// lengths of the sequences [N] (Int32), the initial state [D, N, H], and what the operator states. D is the number of directions, G of gates.
/// Outputs: Y [T, D, N, H] with zeros behind the end of a sequence, and optionally the last state [D, N, H].
/// With <see cref="Layout"/> 1 the batch comes first: X [N, T, I], Y [N, T, D, H], states [N, D, H].
/// The gradient unrolls the steps, so T must be known.
/// </summary>
public abstract record RecurrentOp : Op
{
    /// <summary>Order of the steps. Default forward.</summary>
    public RecurrentDirection Direction { get; init; }

    /// <summary>H; taken from R when 0. Default 0.</summary>
    public int HiddenSize { get; init; }

    /// <summary>Activation functions by name, as many per direction as the cell has; empty for the cell's own. Default empty.</summary>
    public ValueArray<string> Activations { get; init; } = [];

    /// <summary>First parameters of the activation functions that have one, in their order. Default empty.</summary>
    public ValueArray<float> ActivationAlpha { get; init; } = [];

    /// <summary>Second parameters of the activation functions that have one, in their order. Default empty.</summary>
    public ValueArray<float> ActivationBeta { get; init; } = [];

    /// <summary>Limits the gates' sums to [-Clip, Clip]; null does not. Default null.</summary>
    public float? Clip { get; init; }

    /// <summary>0 when the steps come first, 1 when the batch does. Default 0.</summary>
    public int Layout { get; init; }

    /// <summary>Gates, each with rows of its own in W and R.</summary>
    private protected abstract int GateCount { get; }

    /// <summary>Is there a cell state besides the hidden state?</summary>
    private protected abstract bool HasCellState { get; }

    /// <summary>Names of the cell's activation functions.</summary>
    private protected abstract IReadOnlyList<string> DefaultActivations { get; }

    private int Directions => Direction == RecurrentDirection.Bidirectional ? 2 : 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, w, r) = (x.RequireRank(0, 3, 3), x.RequireRank(1, 3, 3), x.RequireRank(2, 3, 3));
        var hidden = r[2];
        if (hidden == Shape.Unknown) throw x.Fail("the shape of the recurrent weight must be known");
        if (HiddenSize != 0 && HiddenSize != hidden) throw x.Fail($"hidden_size is {HiddenSize} but the recurrent weight has {hidden} columns");
        Require(x, 1, [Directions, GateCount * hidden, data[2]]);
        Require(x, 2, [Directions, GateCount * hidden, hidden]);
        var (steps, batch) = Layout == 0 ? (data[0], data[1]) : (data[1], data[0]);
        Shape state = Layout == 0 ? [Directions, batch, hidden] : [batch, Directions, hidden];
        Require(x, 3, [Directions, 2 * GateCount * hidden]);
        Require(x, 4, [batch]);
        Require(x, 5, state);
        if (HasCellState) Require(x, 6, state);
        if (HasCellState) Require(x, 7, [Directions, 3 * hidden]);
        for (var d = 0; d < Directions; d++) _ = ActivationsOf(d);
        var type = x.Input(0).DType;
        Shape y = Layout == 0 ? [steps, Directions, batch, hidden] : [batch, steps, Directions, hidden];
        var last = new TensorType(type, state);
        return HasCellState ? new[] { new TensorType(type, y), last, last } : new[] { new TensorType(type, y), last };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var run = new RecurrentRun(this, HasCellState, x);
        for (var d = 0; d < Directions; d++)
            for (var n = 0; n < run.Batch; n++) run.Sequence(d, n, isReversed: IsReversed(d));
        return run.Outputs();
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) =>
        x.OfMacs((long)x.Input(0)[0] * x.Input(0)[1] * (x.Input(1).Count + x.Input(2).Count));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x => Unrolled(g.Builder, x));

    /// <summary>The new hidden and cell state. An operator without cell state passes it on.</summary>
    internal abstract (TVector H, TVector C) Step<TVector>(RecurrentCell<TVector> cell, TVector h, TVector c);

    /// <summary>The activation functions of one direction.</summary>
    internal CellActivation[] ActivationsOf(int direction)
    {
        var count = DefaultActivations.Count;
        if (Activations.IsEmpty) return CellActivation.Resolve(DefaultActivations, ActivationAlpha, ActivationBeta);
        if (Activations.Count != count * Directions) throw new NabiException($"{Activations.Count} activations are given where {count * Directions} are needed");
        return CellActivation.Resolve(Activations, ActivationAlpha, ActivationBeta)[(direction * count)..((direction + 1) * count)];
    }

    private bool IsReversed(int direction) => Direction == RecurrentDirection.Reverse || direction == 1;

    private Value[] Unrolled(GraphBuilder b, IReadOnlyList<Value?> x)
    {
        var data = Layout == 0 ? x[0]! : b.Transpose(x[0]!, 1, 0, 2);
        if (data.Shape[0] == Shape.Unknown) throw new NabiException($"{Name}: the number of steps must be known to differentiate it; fix the input's length.");
        var (ys, hs, cs) = (new Value[Directions], new Value[Directions], new Value[Directions]);
        for (var d = 0; d < Directions; d++) (ys[d], hs[d], cs[d]) = Unrolled(b, data, x, d);
        var y = b.Concat(1, ys);
        return
        [
            Layout == 0 ? y : b.Transpose(y, 2, 0, 1, 3),
            BatchFirst(b, b.Concat(0, hs)),
            BatchFirst(b, b.Concat(0, cs)),
        ];
    }

    private (Value Y, Value H, Value C) Unrolled(GraphBuilder b, Value data, IReadOnlyList<Value?> x, int d)
    {
        Value? Of(int index) => index < x.Count && x[index] is { } value ? b.Squeeze(b.Slice(value, 0, d, d + 1), 0) : null;
        Value? State(int index) => index < x.Count && x[index] is { } value ? b.Squeeze(b.Slice(value, Layout, d, d + 1), Layout) : null;
        var (r, bias) = (Of(2)!, Of(3));
        var (rows, steps) = (r.Shape[0], data.Shape[0]);
        var projection = b.MatMul(data, b.SwapLast(Of(1)!));
        if (bias is not null) projection = b.Add(projection, b.Slice(bias, 0, 0, rows));
        var cell = new GraphCell(b, this, d, r, bias is null ? null : b.Slice(bias, 0, rows), HasCellState ? Of(7) : null);
        var zeros = b.ZerosLike(b.Slice(b.Squeeze(b.Slice(projection, 0, 0, 1), 0), 1, 0, r.Shape[1]));
        var (h, c) = (State(5) ?? zeros, HasCellState ? State(6) ?? zeros : zeros);
        var ys = new Value[steps];
        for (var s = 0; s < steps; s++)
        {
            var t = IsReversed(d) ? steps - 1 - s : s;
            cell.Read(b.Squeeze(b.Slice(projection, 0, t, t + 1), 0));
            var (nextH, nextC) = Step(cell, h, c);
            var y = nextH;
            if (x.Count > 4 && x[4] is { } lengths)
            {
                var isInside = b.Unsqueeze(b.Greater(lengths, t), 1);
                (y, nextH, nextC) = (b.Masked(nextH, isInside), b.Where(isInside, nextH, h), b.Where(isInside, nextC, c));
            }
            (h, c, ys[t]) = (nextH, nextC, b.Unsqueeze(y, 0, 1));
        }
        return (b.Concat(0, ys), b.Unsqueeze(h, 0), b.Unsqueeze(c, 0));
    }

    private Value BatchFirst(GraphBuilder b, Value state) => Layout == 0 ? state : b.Transpose(state, 1, 0, 2);

    private static void Require(InferContext x, int index, Shape expected)
    {
        if (x.Has(index) && !expected.Accepts(x.Shape(index))) throw x.Fail($"input {index} has shape {x.Shape(index)} where {expected} is needed");
    }
}
