using Nabi.Ops;

namespace Nabi.Compression.Factorization;

/// <summary>A dense layer or a convolution of one group, as factorizations see it.</summary>
internal sealed class FactorLayer
{
    private FactorLayer(Node node, Value weight, WeightAxes axes, ResolvedWindow? window)
    {
        (Node, Weight, Axes, Window) = (node, weight, axes, window);
        var shape = weight.Shape;
        (Outputs, Inputs) = (shape[axes.OutputAxis], shape[axes.InputAxis]);
        (Height, Width) = (shape.Rank > 2 ? shape[2] : 1, shape.Rank > 3 ? shape[3] : 1);
        var (numbers, taps) = (weight.Data!.ToSingle(), Height * Width);
        Numbers = new double[numbers.Length];
        for (var m = 0; m < Outputs; m++)
            for (var c = 0; c < Inputs; c++)
                for (var t = 0; t < taps; t++)
                    Numbers[(((m * Inputs) + c) * taps) + t] = numbers[axes.OutputAxis == 0 ? (((m * Inputs) + c) * taps) + t : (c * Outputs) + m];
    }

    /// <summary>The node.</summary>
    public Node Node { get; }

    /// <summary>Its weight.</summary>
    public Value Weight { get; }

    /// <summary>The weight's axes.</summary>
    public WeightAxes Axes { get; }

    /// <summary>The window of a convolution; null for a dense layer.</summary>
    public ResolvedWindow? Window { get; }

    /// <summary>Channels written.</summary>
    public int Outputs { get; }

    /// <summary>Channels read.</summary>
    public int Inputs { get; }

    /// <summary>Vertical taps; all taps of a convolution of one axis.</summary>
    public int Height { get; }

    /// <summary>Horizontal taps.</summary>
    public int Width { get; }

    /// <summary>The weight as [Outputs, Inputs, Height, Width].</summary>
    public double[] Numbers { get; }

    /// <summary>The sum of the squared weights.</summary>
    public double Energy => Numbers.Sum(x => x * x);

    /// <summary>A layer that can be factorized, or null: it has groups, more than two spatial axes, a weight that is shared or not constant, or automatic padding of an unknown size.</summary>
    public static FactorLayer? Of(Node node)
    {
        if (node.Op is ConvTranspose || WeightAxes.Of(node) is not { } axes || node.Inputs[axes.Input] is not { DType: DType.Float32, IsUpdated: false, UseCount: 1 } weight) return null;
        if (weight.Shape.Count == 0 || weight.Shape.Rank > 4) return null;
        if (node.Op is not Conv conv) return new FactorLayer(node, weight, axes, null);
        if (conv.Group != 1) return null;
        var window = conv.Resolve(node.Inputs[0]!.Shape, weight.Shape);
        return conv.Window.AutoPad != AutoPad.NotSet && window.Output.Contains(Shape.Unknown) ? null : new FactorLayer(node, weight, axes, window);
    }

    /// <summary>Multiply-accumulates of one sample by layers in this one's place; sizes that are not known count as 1.</summary>
    public long Macs(IEnumerable<Factor> factors)
    {
        if (Window is null) return factors.Sum(f => f.Count);
        var (height, width, macs) = (Size(Window.Input, 0), Size(Window.Input, 1), 0L);
        foreach (var factor in factors)
        {
            if (factor.IsVertical) height = Size(Window.Output, 0);
            if (factor.IsHorizontal) width = Size(Window.Output, 1);
            macs += factor.Count * height * width;
        }
        return macs;
    }

    /// <summary>Its own multiply-accumulates, counted the same way.</summary>
    public long OwnMacs => Window is null ? Numbers.LongLength : Numbers.LongLength * Size(Window.Output, 0) * Size(Window.Output, 1);

    /// <summary>The weight a chain of factors amounts to, as [Outputs, Inputs, Height, Width].</summary>
    public double[] Product(IReadOnlyList<Factor> factors)
    {
        // Follows one input channel at a time through the chain: what it gives every channel under every tap.
        var taps = Height * Width;
        var product = new double[Numbers.Length];
        for (var input = 0; input < Inputs; input++)
        {
            var (now, channels, height, width) = (new double[Inputs], Inputs, 1, 1);
            now[input] = 1;
            foreach (var f in factors)
            {
                var (h, w, per, written) = (height + f.Height - 1, width + f.Width - 1, f.Inputs / f.Groups, f.Outputs / f.Groups);
                var next = new double[f.Outputs * h * w];
                for (var i = 0; i < f.Inputs; i++)
                {
                    var from = now.AsSpan(i * height * width, height * width);
                    if (!from.ContainsAnyExcept(0)) continue;
                    for (var o = i / per * written; o < ((i / per) + 1) * written; o++)
                        for (var t = 0; t < f.Height * f.Width; t++)
                            for (var s = 0; s < from.Length; s++)
                            {
                                var (y, x) = ((t / f.Width) + (s / width), (t % f.Width) + (s % width));
                                next[(((o * h) + y) * w) + x] += f.Weight[(((o * per) + (i % per)) * f.Height * f.Width) + t] * from[s];
                            }
                }
                (now, channels, height, width) = (next, f.Outputs, h, w);
            }
            for (var m = 0; m < channels; m++) now.AsSpan(m * taps, taps).CopyTo(product.AsSpan(((m * Inputs) + input) * taps));
        }
        return product;
    }

    private static long Size(ValueArray<int> sizes, int axis) => axis < sizes.Count && sizes[axis] != Shape.Unknown ? sizes[axis] : 1;
}
