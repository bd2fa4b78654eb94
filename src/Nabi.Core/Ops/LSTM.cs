namespace Nabi.Ops;

/// <summary>
/// ONNX <c>LSTM</c> (Hochreiter and Schmidhuber 1997; peepholes: Gers et al. 2002). Gates in the order i, o, f, c; further inputs: the initial cell state
/// and the peepholes P [D, 3 H] in the order i, o, f; a further output: the last cell state.
/// i = f(W x + R h + P c), f likewise, c' = f c + i g(W x + R h), o = f(W x + R h + P c'), h' = o h(c'); activations f, g, h are
/// Sigmoid, Tanh, Tanh unless stated.
/// </summary>
public sealed record LSTM : RecurrentOp
{
    private static readonly string[] Own = ["Sigmoid", "Tanh", "Tanh"];

    /// <summary>Couple the forget gate to the input gate, f = 1 - i? Default false.</summary>
    public bool InputForget { get; init; }

    private protected override int GateCount => 4;

    private protected override bool HasCellState => true;

    private protected override IReadOnlyList<string> DefaultActivations => Own;

    internal override (TVector H, TVector C) Step<TVector>(RecurrentCell<TVector> cell, TVector h, TVector c)
    {
        TVector Sum(int gate) => cell.Add(cell.Input(gate), cell.Recur(gate, h));
        var input = cell.Squash(0, cell.Peek(Sum(0), 0, c));
        var forget = InputForget ? cell.Complement(input) : cell.Squash(0, cell.Peek(Sum(2), 2, c));
        var next = cell.Add(cell.Mul(forget, c), cell.Mul(input, cell.Squash(1, Sum(3))));
        var output = cell.Squash(0, cell.Peek(Sum(1), 1, next));
        return (cell.Mul(output, cell.Activate(2, next)), next);
    }
}
