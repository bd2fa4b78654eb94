namespace Nabi.Runtime.Kernels;

/// <summary>Parameters of an integer convolution: formats, bias and one multiplier per output channel.</summary>
public sealed class QuantizedScales
{
    /// <summary>Computes the multipliers scale_x * scale_w / scale_y in double precision.</summary>
    /// <param name="input">Format of the input.</param>
    /// <param name="weightScales">One scale per output channel (weights are symmetric, without zero point).</param>
    /// <param name="output">Format of the output.</param>
    /// <param name="low">Lower limit of stored results: a fused ReLU is the output's zero point; null for the type's own.</param>
    /// <param name="high">Upper limit of stored results: for ReLU6 the stored value of 6; null for the type's own.</param>
    /// <exception cref="ArgumentException">A scale is not positive and finite or a zero point is outside its type.</exception>
    public QuantizedScales(QuantizedFormat input, ReadOnlySpan<float> weightScales, QuantizedFormat output, int? low = null, int? high = null)
    {
        input.Check();
        output.Check();
        Input = input;
        Output = output;
        Range = new QuantizedRange(output.ZeroPoint, Math.Clamp(low ?? output.Min, output.Min, output.Max), Math.Clamp(high ?? output.Max, output.Min, output.Max));
        if (Range.Low > Range.High)
            throw new ArgumentException($"The limits [{Range.Low}, {Range.High}] are empty.", nameof(low));
        Significands = GC.AllocateArray<int>(weightScales.Length + RequantizeTile.Overrun, pinned: true);
        Shifts = GC.AllocateArray<int>(weightScales.Length + RequantizeTile.Overrun, pinned: true);
        Shifts.AsSpan(weightScales.Length).Fill(Requantizer.MaxShift);   // lanes past the last channel take the short way too
        Multipliers = GC.AllocateArray<float>(weightScales.Length + StripKernel.Overrun, pinned: true);
        Channels = weightScales.Length;
        for (var i = 0; i < weightScales.Length; i++)
        {
            if (!(weightScales[i] > 0) || !float.IsFinite(weightScales[i]))
                throw new ArgumentException($"The weight scale of channel {i} is positive and finite, not {weightScales[i]}.", nameof(weightScales));
            (Significands[i], Shifts[i]) = Requantizer.Of((double)input.Scale * weightScales[i] / output.Scale);
            Multipliers[i] = (float)Math.ScaleB(Significands[i], -Shifts[i]);
        }
    }

    /// <summary>Format of the input.</summary>
    public QuantizedFormat Input { get; }

    /// <summary>Format of the output.</summary>
    public QuantizedFormat Output { get; }

    /// <summary>Output channels.</summary>
    public int Channels { get; }

    internal QuantizedRange Range { get; }

    /// <summary>q per channel, pinned, with <see cref="RequantizeTile.Overrun"/> more.</summary>
    internal int[] Significands { get; }

    /// <summary>s per channel, pinned, with <see cref="RequantizeTile.Overrun"/> more.</summary>
    internal int[] Shifts { get; }

    /// <summary>q / 2^s per channel rounded to single precision, pinned, with <see cref="StripKernel.Overrun"/> more.</summary>
    internal float[] Multipliers { get; }

    /// <summary>The rule of one output channel.</summary>
    public Requantizer this[int channel] => new(Significands[channel], Shifts[channel]);
}
