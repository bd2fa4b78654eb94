using Nabi.Ops;
using Nabi.Runtime.Kernels;
using BatchNormalization = Nabi.Ops.BatchNormalization;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// What follows a matrix product or convolution and is done before its result is stored: batch normalization with fixed statistics, a bias per
/// channel, a residual, an activation, in this order, each at most once.
/// </summary>
internal static class Epilogues
{
    /// <summary>Is the node a product with an epilogue?</summary>
    public static bool CanStart(Node node) =>
        (ProductTypes.Contains(node.Op.GetType()) || node.Op is BatchNormalization { TrainingMode: true }) && node.Output.DType == DType.Float32;

    private static readonly HashSet<Type> ProductTypes = [typeof(MatMul), typeof(Ops.Gemm), typeof(Conv), typeof(ConvTranspose), typeof(ConvInputGradient)];

    /// <summary>The product and the nodes its epilogue does.</summary>
    /// <param name="product">Starts the chain.</param>
    /// <param name="isTaken">Is a node done in another step?</param>
    /// <param name="onlyReader">The one node that needs a value, or null.</param>
    public static IReadOnlyList<Node> Chain(Node product, Func<Node, bool> isTaken, Func<Value, Node?> onlyReader)
    {
        var chain = new List<Node> { product };
        var stage = 0;
        while (chain[^1].Output is var value && onlyReader(value) is { } next && !isTaken(next) && StageOf(next, value, product) is { } s && s > stage)
        {
            chain.Add(next);
            stage = s;
            if (stage == Last) break;
        }
        return chain;
    }

    private const int Last = 4;

    private static int? StageOf(Node node, Value value, Node product)
    {
        if (node.Outputs.Count != 1 || !node.Output.Shape.Equals(value.Shape)) return null;
        if (value == product.Output && Normalization.IsFoldable(node, product)) return 1;
        if (node.Op is Add && OtherOperand(node, value) is { DType: DType.Float32 } other)
            return IsPerChannel(other, value, product) ? HasBias(product) || value != product.Output ? null : 2 : other.Shape.Equals(value.Shape) && other != value ? 3 : null;
        return Activations.TryGet(node, out _) && (product.Op is not BatchNormalization || node.Op is Relu or Clip) && node.Inputs[0] == value ? Last : null;
    }

    /// <summary>Has the product a bias of its own?</summary>
    public static bool HasBias(Node product) => product.Inputs.Count > 2 && product.Inputs[2] is not null;

    /// <summary>The operand of a binary node that is not <paramref name="value"/>.</summary>
    public static Value? OtherOperand(Node node, Value value) => node.Inputs[0] == value ? node.Inputs[1] : node.Inputs[0];

    // One number per channel: [.., C] after a matrix product, [.., C, 1, ..] after a convolution.
    private static bool IsPerChannel(Value other, Value value, Node product)
    {
        var axis = product.Op is MatMul or Ops.Gemm ? value.Shape.Rank - 1 : 1;
        if (other.Shape.Count != value.Shape[axis] || other.Shape.Rank > value.Shape.Rank) return false;
        var own = axis - (value.Shape.Rank - other.Shape.Rank);
        return own >= 0 && other.Shape[own] == value.Shape[axis];
    }

    /// <summary>The epilogue of a chain: which slots are bias and residual, and the activation.</summary>
    public static EpiloguePlan Plan(IReadOnlyList<Node> chain, Planner planner, Layout layout)
    {
        var plan = new EpiloguePlan();
        for (var i = 1; i < chain.Count; i++)
        {
            var value = chain[i - 1].Output;
            if (Activations.TryGet(chain[i], out var function)) plan.Activation = function;
            else if (chain[i].Op is Add && OtherOperand(chain[i], value) is { } other)
            {
                if (IsPerChannel(other, value, chain[0])) plan.Bias = planner.ReadAny(other);
                else plan.Residual = planner.Read(other, layout);
            }
        }
        return plan;
    }
}

/// <summary>The parts of an epilogue as slots.</summary>
internal sealed class EpiloguePlan
{
    public Slot? Bias { get; set; }

    public Slot? Residual { get; set; }

    public Unary Activation { get; set; } = Unary.Identity;

    /// <summary>The slots it reads.</summary>
    public IEnumerable<Slot> Slots => ((ReadOnlySpan<Slot?>)[Bias, Residual]).ToArray().OfType<Slot>();

    /// <summary>Names the parts for the kernel's name.</summary>
    public string Suffix => $"{(Bias is null ? "" : "+bias")}{(Residual is null ? "" : "+residual")}{(Activation.Kind == UnaryKind.Identity ? "" : $"+{Activation.Kind.ToString().ToLowerInvariant()}")}";

    /// <summary>The epilogue with the slots' present addresses.</summary>
    /// <param name="output">The result; a residual that lies in the same memory is accumulated on.</param>
    /// <param name="stride">Floats from one row of result and residual to the next.</param>
    public unsafe Epilogue Now(Slot output, long stride)
    {
        var isInPlace = Residual is not null && Residual.Address == output.Address;
        return new Epilogue
        {
            Bias = Bias is null ? null : Bias.Floats,
            Residual = Residual is null || isInPlace ? null : Residual.Floats,
            ResidualStride = stride,
            Accumulate = isInPlace,
            Activation = Activation,
        };
    }
}
