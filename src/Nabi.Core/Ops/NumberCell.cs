namespace Nabi.Ops;

/// <summary>A recurrent step on the numbers of one sample.</summary>
internal sealed class NumberCell : RecurrentCell<double[]>
{
    private readonly int _hidden;
    private readonly double[] _w;
    private readonly double[] _r;
    private readonly double[]? _bias;
    private readonly double[]? _peephole;
    private readonly CellActivation[] _activations;
    private readonly float? _clip;
    private double[] _x = [];

    /// <summary>The weights of one direction, each row-major as ONNX lays them out.</summary>
    public NumberCell(RecurrentOp op, int hidden, int direction, double[] w, double[] r, double[]? bias, double[]? peephole)
    {
        (_hidden, _w, _r, _bias, _peephole, _clip) = (hidden, w, r, bias, peephole, op.Clip);
        _activations = op.ActivationsOf(direction);
    }

    /// <summary>Takes the next step's input.</summary>
    public void Read(double[] x) => _x = x;

    public override double[] Input(int gate) => Product(_w, gate, _x, 0);

    public override double[] Recur(int gate, double[] h) => Product(_r, gate, h, _r.Length / _hidden);

    public override double[] Peek(double[] sum, int gate, double[] c)
    {
        if (_peephole is null) return sum;
        var result = new double[_hidden];
        for (var i = 0; i < result.Length; i++) result[i] = sum[i] + _peephole[gate * _hidden + i] * c[i];
        return result;
    }

    public override double[] Add(double[] a, double[] b)
    {
        var result = new double[a.Length];
        for (var i = 0; i < result.Length; i++) result[i] = a[i] + b[i];
        return result;
    }

    public override double[] Mul(double[] a, double[] b)
    {
        var result = new double[a.Length];
        for (var i = 0; i < result.Length; i++) result[i] = a[i] * b[i];
        return result;
    }

    public override double[] Complement(double[] a) => Array.ConvertAll(a, e => 1 - e);

    public override double[] Activate(int index, double[] a) => Array.ConvertAll(a, _activations[index].Apply);

    public override double[] Squash(int index, double[] a) =>
        Activate(index, _clip is { } limit ? Array.ConvertAll(a, e => Math.Clamp(e, -limit, limit)) : a);

    // The bias holds one number per row of W, then one per row of R.
    private double[] Product(double[] matrix, int gate, double[] vector, int biasFrom)
    {
        var result = new double[_hidden];
        for (var i = 0; i < result.Length; i++)
        {
            var row = gate * _hidden + i;
            var sum = _bias is null ? 0 : _bias[biasFrom + row];
            for (var j = 0; j < vector.Length; j++) sum += matrix[row * vector.Length + j] * vector[j];
            result[i] = sum;
        }
        return result;
    }
}
