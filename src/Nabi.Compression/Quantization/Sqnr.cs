namespace Nabi.Compression.Quantization;

/// <summary>Signal-to-quantization-noise ratio, summed up over batches.</summary>
public sealed class Sqnr
{
    private double _signal, _noise;

    /// <summary>10 log10 of signal power over noise power, in dB; positive infinity without noise.</summary>
    public double Decibels => _noise == 0 ? double.PositiveInfinity : 10 * Math.Log10(_signal / _noise);

    /// <summary>Adds values and what they became.</summary>
    public void Add(ReadOnlySpan<float> exact, ReadOnlySpan<float> quantized)
    {
        for (var i = 0; i < exact.Length; i++)
        {
            var difference = (double)exact[i] - quantized[i];
            _signal += (double)exact[i] * exact[i];
            _noise += difference * difference;
        }
    }
}
