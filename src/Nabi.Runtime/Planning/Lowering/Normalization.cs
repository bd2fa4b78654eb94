using System.Numerics.Tensors;
using Nabi.Ops;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Batch normalization with fixed statistics: y = factor x + shift per channel, folded into the weights of a convolution before it.</summary>
internal sealed unsafe class Normalization
{
    private readonly Node _node;
    private readonly float _epsilon;

    private Normalization(Node node)
    {
        _node = node;
        _epsilon = ((BatchNormalization)node.Op).Epsilon;
    }

    /// <summary>Can the node be folded into the convolution it follows?</summary>
    public static bool IsFoldable(Node node, Node convolution) =>
        node.Op is BatchNormalization { TrainingMode: false } && node.Outputs.Count == 1 && node.Inputs.All(v => v is { DType: DType.Float32 }) && convolution.Op is Conv;

    /// <summary>The normalization at position 1 of a group, or null.</summary>
    public static Normalization? Of(IReadOnlyList<Node> group) => group.Count > 1 && group[1].Op is BatchNormalization ? new Normalization(group[1]) : null;

    /// <summary>Emits new filters factor W and a new bias factor (b - mean) + B.</summary>
    /// <param name="filters">[M, ...] with M channels.</param>
    /// <param name="bias">[M] or null.</param>
    /// <param name="planner">The plan.</param>
    public (Slot Filters, Slot Bias) Into(Slot filters, Slot? bias, Planner planner)
    {
        var (newFilters, newBias) = (Made(filters.Name, filters.Shape), Made($"{filters.Name}.bias", [filters.Shape[0]]));
        var (factor, shift, mean, variance) = Parts(planner);
        var size = filters.Shape.Count / filters.Shape[0];
        planner.Emit(new Step(_node.Name, "fold.batchnorm", [filters, factor, shift, mean, variance, .. bias is null ? [] : (Slot[])[bias]], [newFilters, newBias], _ =>
        {
            var count = newBias.Shape[0];
            var read = filters.Floats;
            var write = newFilters.Floats;
            for (var m = 0; m < count; m++)
            {
                var scale = factor.Floats[m] / Math.Sqrt((double)variance.Floats[m] + _epsilon);
                newBias.Floats[m] = (float)((((bias is null ? 0.0 : bias.Floats[m]) - mean.Floats[m]) * scale) + shift.Floats[m]);
                TensorPrimitives.Multiply(new ReadOnlySpan<float>(read + ((long)m * size), size), (float)scale, new Span<float>(write + ((long)m * size), size));
            }
        }));
        return (newFilters, newBias);
    }

    /// <summary>Emits factor and shift of a normalization that stands alone.</summary>
    public static (Slot Factor, Slot Shift) Affine(Node node, Planner planner)
    {
        var self = new Normalization(node);
        var (scale, offset, mean, variance) = self.Parts(planner);
        var (factor, shift) = (Made($"{node.Name}.factor", scale.Shape), Made($"{node.Name}.shift", scale.Shape));
        planner.Emit(new Step(node.Name, "fold.batchnorm", [scale, offset, mean, variance], [factor, shift], _ =>
        {
            for (var c = 0; c < factor.Shape[0]; c++)
            {
                var f = scale.Floats[c] / Math.Sqrt((double)variance.Floats[c] + self._epsilon);
                (factor.Floats[c], shift.Floats[c]) = ((float)f, (float)(offset.Floats[c] - (mean.Floats[c] * f)));
            }
        }));
        return (factor, shift);
    }

    private (Slot Scale, Slot Offset, Slot Mean, Slot Variance) Parts(Planner planner) =>
        (planner.Read(_node.Inputs[1]!), planner.Read(_node.Inputs[2]!), planner.Read(_node.Inputs[3]!), planner.Read(_node.Inputs[4]!));

    private static Slot Made(string name, Shape shape) => new($"{name}.folded", new TensorType(DType.Float32, shape), Layout.RowMajor, SlotHome.Arena);
}
