using Nabi.Ops;

namespace Nabi.Compression.Factorization;

/// <summary>Puts factors into a graph in the place of a layer.</summary>
internal static class FactorChain
{
    /// <summary>The nodes; the last has the layer's name, bias and, for Gemm, factors.</summary>
    public static IReadOnlyList<Value> Build(FactorLayer layer, IReadOnlyList<Factor> factors, Rewriter rewriter)
    {
        var node = layer.Node;
        var value = rewriter[node.Inputs[0]!];
        for (var i = 0; i < factors.Count; i++)
        {
            var isLast = i == factors.Count - 1;
            var weight = rewriter.Builder.Parameter($"{layer.Weight.Name}.factor{i + 1}", Stored(layer, factors[i]), layer.Weight.IsTrainable);
            var addend = isLast && node.Inputs.Count > 2 ? rewriter.Map(node.Inputs[2]) : null;
            value = rewriter.Builder.ApplyNamed(Operator(layer, factors[i], isLast), isLast ? node.Name : $"{node.Name}.factor{i + 1}", 1,
                [value, weight, addend], isLast ? [node.Output.Name] : null)[0];
        }
        return [value];
    }

    private static Op Operator(FactorLayer layer, Factor factor, bool isLast) => layer.Node.Op switch
    {
        Conv => new Conv { Window = WindowOf(layer.Window!, factor), Group = factor.Groups },
        Gemm gemm => isLast ? gemm : new Gemm { TransB = gemm.TransB },
        _ => layer.Node.Op,
    };

    // [outputs, inputs, taps] for convolutions and transposed Gemms, [inputs, outputs] for other products.
    private static Tensor Stored(FactorLayer layer, Factor factor)
    {
        var perOutput = factor.Inputs / factor.Groups;
        if (layer.Window is { } window)
        {
            int[] dims = window.Rank == 2 ? [factor.Outputs, perOutput, factor.Height, factor.Width] : [factor.Outputs, perOutput, factor.Height];
            return Tensor.Of<float>(Shape.Create(dims), Array.ConvertAll(factor.Weight, w => (float)w));
        }
        var (isTurned, numbers) = (layer.Axes.OutputAxis == 1, new float[factor.Weight.Length]);
        for (var o = 0; o < factor.Outputs; o++)
            for (var i = 0; i < perOutput; i++) numbers[isTurned ? (i * factor.Outputs) + o : (o * perOutput) + i] = (float)factor.Weight[(o * perOutput) + i];
        return Tensor.Of<float>(isTurned ? [perOutput, factor.Outputs] : [factor.Outputs, perOutput], numbers);
    }

    private static Window WindowOf(ResolvedWindow window, Factor factor)
    {
        var explicitly = window.Output.Contains(Shape.Unknown) ? null : window.Explicit();
        var rank = window.Rank;
        var (kernel, strides, dilations, pads) = (new int[rank], new int[rank], new int[rank], new int[2 * rank]);
        for (var axis = 0; axis < rank; axis++)
        {
            var moves = axis == 0 ? factor.IsVertical : factor.IsHorizontal;
            kernel[axis] = axis == 0 ? factor.Height : factor.Width;
            (strides[axis], dilations[axis]) = moves ? (window.Strides[axis], window.Dilations[axis]) : (1, 1);
            if (!moves) continue;
            (pads[axis], pads[rank + axis]) = explicitly is null ? (window.PadBegin[axis], window.PadEnd[axis]) : (explicitly.Pads[axis], explicitly.Pads[rank + axis]);
        }
        return new Window { KernelShape = kernel, Strides = strides, Dilations = dilations, Pads = pads };
    }
}
