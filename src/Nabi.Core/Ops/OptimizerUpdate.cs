namespace Nabi.Ops;

/// <summary>
/// One step of an optimizer for one parameter. Inputs: the parameter, its gradient, the learning rate (a scalar, so that a schedule does
/// not rebuild the graph), then what the operator states. Outputs: the new parameter and the new state, each of the parameter's type; the trainer
/// writes them back with <see cref="GraphBuilder.Update"/>.
/// </summary>
public abstract record OptimizerUpdate : Op
{
    /// <summary>L2 penalty: this times the parameter is added to the gradient. Default 0.</summary>
    public float WeightDecay { get; init; }

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <summary>Index of the first input that is state.</summary>
    protected abstract int FirstState { get; }

    /// <summary>How many inputs are state, and outputs after the first.</summary>
    protected abstract int StateCount { get; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var parameter = x.Input(0);
        if (!parameter.DType.IsFloat()) throw x.Fail($"the parameter is {parameter}, but only floating-point parameters learn");
        Require(x, 1, parameter.Shape);
        for (var i = 2; i < FirstState; i++)
            if (!x.Shape(i).Equals(Shape.Scalar)) throw x.Fail($"input {i} has shape {x.Shape(i)}, but a scalar is needed");
        for (var i = 0; i < StateCount; i++) Require(x, FirstState + i, parameter.Shape);
        var types = new TensorType[1 + StateCount];
        Array.Fill(types, parameter);
        return types;
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var numbers = new Tensor[2 + StateCount];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = x.Input(i < 2 ? i : FirstState + i - 2).Cast(DType.Float64).Copy();
        Step(numbers[0].Span<double>(), numbers[1].Span<double>(), x.Input(2).Item(), x, numbers.AsSpan(2));
        var type = x.Input(0).DType;
        var outputs = new Tensor[1 + StateCount];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = numbers[i == 0 ? 0 : i + 1].Cast(type);
        return outputs;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(4 + 4 * StateCount);

    /// <summary>Changes parameter and state in place, in double precision.</summary>
    protected abstract void Step(Span<double> parameter, ReadOnlySpan<double> gradient, double learningRate, EvalContext x, ReadOnlySpan<Tensor> state);

    private static void Require(InferContext x, int index, Shape shape)
    {
        if (!x.Shape(index).Accepts(shape)) throw x.Fail($"input {index} has shape {x.Shape(index)} where the parameter has {shape}");
    }
}
