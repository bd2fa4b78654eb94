using Nabi.Ops;

namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>What a <see cref="Quantizer"/> has at hand for one weight or activation.</summary>
public sealed class QuantizerSite
{
    private const int Candidates = 100;
    private const int LargestSample = 1 << 16;

    private readonly string _name;
    private readonly float[] _sample;
    private readonly List<string> _learned = [];

    /// <summary>Describes a site.</summary>
    /// <param name="builder">Where nodes are added.</param>
    /// <param name="x">The weight or activation, floats.</param>
    /// <param name="name">Its name, with which those of its parameters begin.</param>
    /// <param name="bits">Bits of a level, 1 to 8.</param>
    /// <param name="sample">The weight's numbers, or some that the activation took.</param>
    /// <param name="elements">Elements of the weight, or of the activation of one sample.</param>
    /// <param name="axis">The axis of a weight's outputs; 0 for activations.</param>
    public QuantizerSite(GraphBuilder builder, Value x, string name, int bits, float[] sample, long elements, int axis = 0)
    {
        (Builder, X, _name, Bits, _sample, Elements, Axis) = (builder, x, name, bits, sample, elements, axis);
        foreach (var v in sample)
        {
            if (!float.IsFinite(v)) throw new NabiException($"'{name}' is NaN or infinite somewhere, so that it cannot be quantized");
            (Min, Max) = (Math.Min(Min, v), Math.Max(Max, v));
            MeanMagnitude += Math.Abs(v) / (double)sample.Length;
        }
    }

    /// <summary>Where nodes are added.</summary>
    public GraphBuilder Builder { get; }

    /// <summary>The weight or activation.</summary>
    public Value X { get; }

    /// <summary>Bits of a level.</summary>
    public int Bits { get; }

    /// <summary>Elements of the weight, or of the activation of one sample.</summary>
    public long Elements { get; }

    /// <summary>The axis of a weight's outputs.</summary>
    public int Axis { get; }

    /// <summary>The smallest number seen, at most 0.</summary>
    public float Min { get; }

    /// <summary>The largest number seen, at least 0.</summary>
    public float Max { get; }

    /// <summary>The mean magnitude of the numbers seen.</summary>
    public double MeanMagnitude { get; }

    /// <summary>Names of the learned parameters made here.</summary>
    public IReadOnlyList<string> Learned => _learned;

    /// <summary>Makes a learned parameter of one number.</summary>
    public Value Learn(string name, double start)
    {
        var parameter = Builder.Parameter($"{_name}.{name}", Tensor.Vector((float)start));
        _learned.Add(parameter.Name);
        return parameter;
    }

    /// <summary>scale clip(round(x / scale) + zero, min, max) - zero: what is stored as integers. The gradients are those of <see cref="FakeQuantize"/>.</summary>
    /// <param name="x">What is rounded: the weight or activation, or what the method makes of it.</param>
    /// <param name="scale">The distance of two levels: one number, or a vector along <see cref="Axis"/>.</param>
    /// <param name="min">The smallest integer.</param>
    /// <param name="max">The largest integer.</param>
    /// <param name="zero">The integer that stands for zero, of a vector of one; null for 0.</param>
    public Value Round(Value x, Value scale, int min, int max, Value? zero = null) =>
        Builder.ApplyNamed(new FakeQuantize { Axis = Axis, QMin = min, QMax = max }, $"{_name}.{Bits}bit", 1, [x, scale, zero])[0];

    /// <summary>A constant of one number.</summary>
    public Value Number(double number) => Builder.Constant(Tensor.Vector((float)number), $"{_name}.constant");

    /// <summary>
    /// The reach within which rounding to integers of at most <paramref name="max"/> times reach / max loses least (squared error on the numbers
    /// seen); numbers beyond it are clipped, negative ones only when there are negative integers.
    /// </summary>
    /// <param name="min">The smallest integer.</param>
    /// <param name="max">The largest integer, at least 1.</param>
    public double BestReach(int min, int max)
    {
        double largest = Math.Max(Max, min < 0 ? -Min : 0), least = double.PositiveInfinity, best = largest;
        if (largest < 1e-12) return 1;
        for (var i = 1; i <= Candidates; i++)
        {
            var (step, error) = (largest * i / Candidates / max, 0.0);
            for (var k = 0; k < _sample.Length; k += 1 + _sample.Length / LargestSample)
            {
                double v = _sample[k];
                if (v < 0 && min == 0) continue;
                var difference = v - step * Math.Clamp(Math.Round(v / step), min, max);
                error += difference * difference;
            }
            if (error < least) (least, best) = (error, step * max);
        }
        return best;
    }
}
