namespace Nabi;

/// <summary>
/// One operator: a sealed record whose properties are the attributes. Names and semantics are those of the ONNX operator
/// specification (opset 17 to 22 form: axes, shapes and pads are inputs where ONNX has them as inputs), so that the mapping is
/// one to one: a property <c>AutoPad</c> is the attribute <c>auto_pad</c>, <c>Keepdims</c> is <c>keepdims</c>.
/// Operators that ONNX does not have are in the domain <see cref="NabiDomain"/>.
/// </summary>
public abstract record Op
{
    /// <summary>Domain of operators that are not standard ONNX.</summary>
    public const string NabiDomain = "nabi";

    /// <summary>The operator's name in its domain.</summary>
    public virtual string Name => GetType().Name;

    /// <summary>Empty for standard ONNX.</summary>
    public virtual string Domain => "";

    /// <summary>Same inputs, same outputs, no effect elsewhere? Only such nodes are folded.</summary>
    public virtual bool IsDeterministic => true;

    /// <summary>
    /// Does it spell out numbers that are stored in fewer bits? Then passes leave it where it is, even between constants: the model stays small, and kernels read
    /// what is stored.
    /// </summary>
    public virtual bool IsDecoding => false;

    /// <summary>Shape and type inference: one type per output.</summary>
    /// <exception cref="NabiException">The inputs do not fit the operator.</exception>
    public abstract Outputs<TensorType> Infer(InferContext x);

    /// <summary>
    /// The element type of output <paramref name="index"/> when an input has no known rank and <see cref="Infer"/> cannot be asked.
    /// Operators that change the element type override it.
    /// </summary>
    public virtual DType UnrankedType(int index, InferContext x) => x.Input(0).DType;

    /// <summary>The scalar reference evaluation, which every faster kernel is tested against: plain loops, the truth.</summary>
    public abstract Outputs<Tensor> Evaluate(EvalContext x);

    /// <summary>The cost of one run; without an override an elementwise operator: one operation per output element.</summary>
    public virtual Cost CostOf(CostContext x) => x.Elementwise();

    /// <summary>Has it a gradient? When not, a path through it stops the backward pass with a clear error.</summary>
    public virtual bool IsDifferentiable => false;

    /// <summary>
    /// The vector-Jacobian product as graph nodes: one value per input, null where nothing flows (integer inputs, or inputs the
    /// output does not depend on).
    /// </summary>
    public virtual IReadOnlyList<Value?> Gradient(GradientContext g) =>
        throw new NabiException($"Operator {Name} of node '{g.Node.Name}' has no gradient; freeze the layers before it or replace it.");

    /// <summary>
    /// Says which elements along which axes of inputs and outputs go together when channels are pruned. What is not mentioned is
    /// fixed; without an override nothing around the operator can be pruned. See <see cref="ChannelGroups"/>.
    /// </summary>
    public virtual void Couple(CouplingContext c) { }

    /// <summary>
    /// The operator after channels around it were removed: operators whose attributes or constant inputs count channels
    /// (groups, reshape targets, pads, split sizes) override it.
    /// </summary>
    public virtual Op Narrow(NarrowContext s) => this;

    /// <summary>
    /// The same function as standard ONNX operators, for files that other runtimes read; null when there is none. Only operators of
    /// <see cref="NabiDomain"/> are asked, by <see cref="Passes.Standardize"/>.
    /// </summary>
    /// <param name="node">The node to say otherwise.</param>
    /// <param name="r">Where new nodes are made, and what stands for the old inputs.</param>
    /// <returns>One value per output.</returns>
    public virtual IReadOnlyList<Value>? AsStandard(Node node, Rewriter r) => null;
}
