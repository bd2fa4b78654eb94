namespace Nabi;

/// <summary>What an operator has at hand while it writes its gradient: its own values, the incoming gradients and the builder.</summary>
public sealed class GradientContext
{
    private readonly IReadOnlyList<Value?> _outputGradients;

    internal GradientContext(GraphBuilder builder, Node node, IReadOnlyList<Value?> outputGradients)
    {
        (Builder, Node, _outputGradients) = (builder, node, outputGradients);
    }

    /// <summary>Where gradient nodes are added.</summary>
    public GraphBuilder Builder { get; }

    /// <summary>The forward node.</summary>
    public Node Node { get; }

    /// <summary>A required forward input.</summary>
    public Value Input(int index) => Node.Inputs[index] ?? throw new InvalidOperationException($"Input {index} is absent.");

    /// <summary>Is a forward input there?</summary>
    public bool Has(int index) => index < Node.Inputs.Count && Node.Inputs[index] is not null;

    /// <summary>A forward output.</summary>
    public Value Output(int index = 0) => Node.Outputs[index];

    /// <summary>The gradient of output 0; gradients are only asked for when it, or another output's, exists.</summary>
    /// <exception cref="InvalidOperationException">Nothing flows into output 0; operators with several outputs ask <see cref="GradOrNull"/>.</exception>
    public Value Grad => GradOrNull(0) ?? throw new InvalidOperationException("No gradient flows into output 0.");

    /// <summary>The gradient of an output, or null when nothing flows into it.</summary>
    public Value? GradOrNull(int index) => index < _outputGradients.Count ? _outputGradients[index] : null;

    /// <summary>The gradient of an output, zeros when nothing flows into it.</summary>
    public Value GradOrZero(int index) => GradOrNull(index) ?? Builder.ZerosLike(Output(index));

    /// <summary>
    /// The gradient of an operator that equals a composition of differentiable ones: the composition is written once more and
    /// differentiated. What the backward pass does not need of it is left out when the graph is built.
    /// </summary>
    /// <param name="compose">From inputs (null where absent) to outputs (null where no gradient flows through one).</param>
    /// <returns>One gradient per input; null for integers and where nothing flows.</returns>
    public IReadOnlyList<Value?> Through(Func<IReadOnlyList<Value?>, IReadOnlyList<Value?>> compose)
    {
        // An input may depend on another one; the stand-ins keep those paths apart.
        var standIns = Node.Inputs.Select(v => v is { } input && input.DType.IsFloat() ? Builder.Alias(input) : v).ToArray();
        var outputs = compose(standIns);
        var seeds = new List<(Value, Value)>();
        for (var i = 0; i < outputs.Count; i++)
            if (outputs[i] is { } output && GradOrNull(i) is { } grad) seeds.Add((output, grad));
        var floats = standIns.Where(v => v is { } input && input.DType.IsFloat()).Select(v => v!).ToArray();
        var gradients = Gradients.Through(Builder, seeds, floats);
        var next = 0;
        return [.. standIns.Select(v => v is { } input && input.DType.IsFloat() ? gradients[next++] : null)];
    }
}
