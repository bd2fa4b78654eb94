namespace Nabi.TestSuite;

/// <summary>
/// One operator with inputs, run by every executor: the reference, the session at each SIMD width, the exported C. The list is
/// written once, in the files <c>OperatorCases.*.cs</c>.
/// </summary>
public sealed record OperatorCase(string Name, Op Op, Tensor?[] Inputs)
{
    /// <summary>Outputs asked for.</summary>
    public int OutputCount { get; init; } = 1;

    /// <summary>Inputs that are constants of the graph (axes, shapes, weights) rather than inputs.</summary>
    public int[] Constants { get; init; } = [];

    /// <summary>Is the gradient compared with central differences? False where the function has a kink at the sampled points.</summary>
    public bool ChecksGradient { get; init; } = true;

    /// <summary>Allowed relative difference between an executor and the reference.</summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>The graph of this case, with inputs named x0, x1, ... and outputs y0, y1, ....</summary>
    /// <param name="dtype">Another floating-point type for the floating-point inputs: gradients are checked in double precision.</param>
    public Graph Graph(DType? dtype = null)
    {
        var builder = new GraphBuilder(Name);
        var inputs = Tensors(dtype).Select((t, i) => t is null ? null
            : Constants.Contains(i) || !t.DType.IsFloat() ? builder.Constant(t, $"x{i}") : builder.Input($"x{i}", t.DType, t.Shape)).ToArray();
        var outputs = builder.ApplyAll(Op, OutputCount, inputs);
        for (var i = 0; i < outputs.Count; i++) builder.Output($"y{i}", outputs[i]);
        return builder.Build();
    }

    /// <summary>The inputs the graph of this case needs, by name.</summary>
    public Dictionary<string, Tensor> Feed(DType? dtype = null)
    {
        var names = Graph(dtype).Inputs.Select(v => v.Name).ToHashSet();
        return Tensors(dtype).Select((t, i) => (Name: $"x{i}", Tensor: t)).Where(p => p.Tensor is not null && names.Contains(p.Name))
            .ToDictionary(p => p.Name, p => p.Tensor!);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private IEnumerable<Tensor?> Tensors(DType? dtype) => Inputs.Select(t => t is not null && dtype is { } d && t.DType.IsFloat() ? t.Cast(d) : t);
}
