namespace Nabi.Training.Data;

/// <summary>Reads normalized samples of a data set: bytes through a table of 256 values per channel.</summary>
internal sealed class SampleReader
{
    private readonly float[] _table;
    private readonly int _plane;

    public SampleReader(DataSet data, Normalization normalization)
    {
        if (normalization.Channels != data.Channels)
            throw new NabiException($"The normalization is for {normalization.Channels} channels, but data set '{data.Name}' has {data.Channels}.");
        (Data, Normalization) = (data, normalization);
        _table = normalization.Table();
        _plane = data.SampleSize / data.Channels;
        Black = new float[data.Channels];
        White = new float[data.Channels];
        for (var c = 0; c < Black.Length; c++) (Black[c], White[c]) = (_table[c * 256], _table[c * 256 + 255]);
    }

    public DataSet Data { get; }

    public Normalization Normalization { get; }

    /// <summary>What 0 becomes, per channel: the colour of what augmentation moves in from outside.</summary>
    public float[] Black { get; }

    /// <summary>What 1 becomes (255 of a byte), per channel.</summary>
    public float[] White { get; }

    /// <summary>Writes sample <paramref name="index"/>, channels first.</summary>
    public void Read(int index, Span<float> to)
    {
        if (Data.IsBytes)
        {
            var from = Data.Bytes(index);
            for (var c = 0; c < Black.Length; c++)
            {
                var table = _table.AsSpan(c * 256, 256);
                var plane = from.Slice(c * _plane, _plane);
                var target = to.Slice(c * _plane, _plane);
                for (var i = 0; i < plane.Length; i++) target[i] = table[plane[i]];
            }
            return;
        }
        var floats = Data.Floats(index);
        for (var c = 0; c < Black.Length; c++)
        {
            var (mean, std) = (Normalization.Mean[c], Normalization.Std[c]);
            for (var i = c * _plane; i < (c + 1) * _plane; i++) to[i] = (float)((floats[i] - mean) / std);
        }
    }

    /// <summary>Reorders one image from channels first to channels last.</summary>
    public static void ToChannelsLast(ReadOnlySpan<float> from, Span<float> to, int channels)
    {
        var plane = from.Length / channels;
        for (var c = 0; c < channels; c++)
            for (var i = 0; i < plane; i++) to[i * channels + c] = from[c * plane + i];
    }
}
