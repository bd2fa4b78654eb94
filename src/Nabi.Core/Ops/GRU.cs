namespace Nabi.Ops;

/// <summary>
/// ONNX <c>GRU</c> (Cho et al. 2014). Gates in the order z, r, h. z = f(W x + R h), r likewise, n = g(W x + R (r h)), or g(W x + r (R h)) with
/// <see cref="LinearBeforeReset"/>, h' = (1 - z) n + z h; activations f, g are Sigmoid, Tanh unless stated.
/// </summary>
public sealed record GRU : RecurrentOp
{
    private static readonly string[] Own = ["Sigmoid", "Tanh"];

    /// <summary>Apply the reset gate after the recurrent product, as cuDNN and PyTorch do? Default false.</summary>
    public bool LinearBeforeReset { get; init; }

    private protected override int GateCount => 3;

    private protected override bool HasCellState => false;

    private protected override IReadOnlyList<string> DefaultActivations => Own;

    internal override (TVector H, TVector C) Step<TVector>(RecurrentCell<TVector> cell, TVector h, TVector c)
    {
        var update = cell.Squash(0, cell.Add(cell.Input(0), cell.Recur(0, h)));
        var reset = cell.Squash(0, cell.Add(cell.Input(1), cell.Recur(1, h)));
        var recurrent = LinearBeforeReset ? cell.Mul(reset, cell.Recur(2, h)) : cell.Recur(2, cell.Mul(reset, h));
        var candidate = cell.Squash(1, cell.Add(cell.Input(2), recurrent));
        return (cell.Add(cell.Mul(cell.Complement(update), candidate), cell.Mul(update, h)), c);
    }
}
