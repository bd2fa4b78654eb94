namespace Nabi.Ops;

/// <summary>The reference evaluation of a recurrent layer, one sequence at a time in double precision.</summary>
internal sealed class RecurrentRun
{
    private readonly RecurrentOp _op;
    private readonly DType _type;
    private readonly int _steps, _size, _hidden, _directions;
    private readonly double[] _x, _w, _r;
    private readonly double[]? _bias, _peephole, _h0, _c0;
    private readonly long[]? _lengths;
    private readonly Tensor _y, _h, _c;
    private readonly bool _hasCellState;

    public RecurrentRun(RecurrentOp op, bool hasCellState, EvalContext x)
    {
        (_op, _hasCellState, _type) = (op, hasCellState, x.Input(0).DType);
        var shape = x.Input(0).Shape;
        (_steps, Batch) = op.Layout == 0 ? (shape[0], shape[1]) : (shape[1], shape[0]);
        (_size, _directions, _hidden) = (shape[2], x.Input(2).Shape[0], x.Input(2).Shape[2]);
        (_x, _w, _r) = (Doubles(x, 0)!, Doubles(x, 1)!, Doubles(x, 2)!);
        (_bias, _h0, _c0, _peephole) = (Doubles(x, 3), Doubles(x, 5), hasCellState ? Doubles(x, 6) : null, hasCellState ? Doubles(x, 7) : null);
        _lengths = x.Integers(4);
        Shape state = op.Layout == 0 ? [_directions, Batch, _hidden] : [Batch, _directions, _hidden];
        _y = Tensor.Zeros(DType.Float64, op.Layout == 0 ? [_steps, _directions, Batch, _hidden] : [Batch, _steps, _directions, _hidden]);
        (_h, _c) = (Tensor.Zeros(DType.Float64, state), Tensor.Zeros(DType.Float64, state));
    }

    /// <summary>Samples.</summary>
    public int Batch { get; }

    /// <summary>Runs one sample through one direction.</summary>
    public void Sequence(int direction, int n, bool isReversed)
    {
        var length = _lengths is null ? _steps : _lengths[n];
        if (length < 0 || length > _steps) throw new NabiException($"a sequence of {length} steps does not fit into {_steps}");
        var cell = new NumberCell(_op, _hidden, direction, Part(_w, direction)!, Part(_r, direction)!, Part(_bias, direction), Part(_peephole, direction));
        var at = (_op.Layout == 0 ? direction * Batch + n : n * _directions + direction) * _hidden;
        var (h, c) = (Start(_h0, at), Start(_c0, at));
        for (var s = 0; s < length; s++)
        {
            var t = (int)(isReversed ? length - 1 - s : s);
            cell.Read(_x.AsSpan((_op.Layout == 0 ? t * Batch + n : n * _steps + t) * _size, _size).ToArray());
            (h, c) = _op.Step(cell, h, c);
            var row = _op.Layout == 0 ? (t * _directions + direction) * Batch + n : (n * _steps + t) * _directions + direction;
            h.CopyTo(_y.Span<double>()[(row * _hidden)..]);
        }
        h.CopyTo(_h.Span<double>()[at..]);
        c.CopyTo(_c.Span<double>()[at..]);
    }

    /// <summary>Y and the last states.</summary>
    public Tensor[] Outputs() => _hasCellState
        ? [_y.Cast(_type), _h.Cast(_type), _c.Cast(_type)]
        : [_y.Cast(_type), _h.Cast(_type)];

    private double[] Start(double[]? states, int at) => states is null ? new double[_hidden] : states.AsSpan(at, _hidden).ToArray();

    private double[]? Part(double[]? weights, int direction) =>
        weights?.AsSpan(direction * (weights.Length / _directions), weights.Length / _directions).ToArray();

    private static double[]? Doubles(EvalContext x, int index) => x.Optional(index)?.Cast(DType.Float64).Span<double>().ToArray();
}
