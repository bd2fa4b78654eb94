namespace Nabi.Ops;

/// <summary>ONNX <c>RNN</c> (Elman 1990): h' = f(W x + R h), where f is Tanh unless stated.</summary>
public sealed record RNN : RecurrentOp
{
    private static readonly string[] Own = ["Tanh"];

    private protected override int GateCount => 1;

    private protected override bool HasCellState => false;

    private protected override IReadOnlyList<string> DefaultActivations => Own;

    internal override (TVector H, TVector C) Step<TVector>(RecurrentCell<TVector> cell, TVector h, TVector c) =>
        (cell.Squash(0, cell.Add(cell.Input(0), cell.Recur(0, h))), c);
}
