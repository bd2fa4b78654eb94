namespace Nabi.Ops;

/// <summary>
/// What the equations of a recurrent step are written with. They are written once, and read as numbers by the reference evaluation
/// (<see cref="NumberCell"/>) and as graph nodes by the gradient (<see cref="GraphCell"/>).
/// </summary>
internal abstract class RecurrentCell<TVector>
{
    /// <summary>W x + bias of a gate at this step.</summary>
    public abstract TVector Input(int gate);

    /// <summary>R h + bias of a gate.</summary>
    public abstract TVector Recur(int gate, TVector h);

    /// <summary>A sum with the gate's peephole, P c, when there is one.</summary>
    public abstract TVector Peek(TVector sum, int gate, TVector c);

    /// <summary>a + b.</summary>
    public abstract TVector Add(TVector a, TVector b);

    /// <summary>a * b, element by element.</summary>
    public abstract TVector Mul(TVector a, TVector b);

    /// <summary>1 - a.</summary>
    public abstract TVector Complement(TVector a);

    /// <summary>Activation function <paramref name="index"/> of the direction.</summary>
    public abstract TVector Activate(int index, TVector a);

    /// <summary>The same limited to the clip threshold before, when there is one.</summary>
    public abstract TVector Squash(int index, TVector a);
}
