namespace Nabi.Ops;

/// <summary>A recurrent step as graph nodes on [N, H], for all samples at once.</summary>
internal sealed class GraphCell : RecurrentCell<Value>
{
    private readonly GraphBuilder _b;
    private readonly int _hidden;
    private readonly Value[] _recurrent;
    private readonly Value? _bias;
    private readonly Value? _peephole;
    private readonly CellActivation[] _activations;
    private readonly float? _clip;
    private Value? _projection;

    /// <summary>The weights of one direction.</summary>
    /// <param name="b">Where nodes are added.</param>
    /// <param name="op">The operator.</param>
    /// <param name="direction">Which direction.</param>
    /// <param name="r">Recurrent weight [gates * H, H].</param>
    /// <param name="bias">Recurrent bias [gates * H].</param>
    /// <param name="peephole">[3 * H].</param>
    public GraphCell(GraphBuilder b, RecurrentOp op, int direction, Value r, Value? bias, Value? peephole)
    {
        (_b, _hidden, _bias, _peephole, _clip) = (b, r.Shape[1], bias, peephole, op.Clip);
        _activations = op.ActivationsOf(direction);
        _recurrent = new Value[r.Shape[0] / _hidden];
        for (var gate = 0; gate < _recurrent.Length; gate++) _recurrent[gate] = b.SwapLast(Gate(r, 0, gate));
    }

    /// <summary>Takes the next step's W x + bias [N, gates * H].</summary>
    public void Read(Value projection) => _projection = projection;

    public override Value Input(int gate) => Gate(_projection!, 1, gate);

    public override Value Recur(int gate, Value h)
    {
        var product = _b.MatMul(h, _recurrent[gate]);
        return _bias is null ? product : _b.Add(product, Gate(_bias, 0, gate));
    }

    public override Value Peek(Value sum, int gate, Value c) =>
        _peephole is null ? sum : _b.Add(sum, _b.Mul(Gate(_peephole, 0, gate), c));

    public override Value Add(Value a, Value b) => _b.Add(a, b);

    public override Value Mul(Value a, Value b) => _b.Mul(a, b);

    public override Value Complement(Value a) => _b.Sub(1, a);

    public override Value Activate(int index, Value a) => _activations[index].Apply(_b, a);

    public override Value Squash(int index, Value a) => Activate(index, _clip is { } limit ? _b.Clip(a, -limit, limit) : a);

    private Value Gate(Value gates, int axis, int gate) => _b.Slice(gates, axis, (long)gate * _hidden, (gate + 1L) * _hidden);
}
