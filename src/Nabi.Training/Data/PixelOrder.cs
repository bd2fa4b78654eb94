namespace Nabi.Training.Data;

/// <summary>Channels last (as image files hold pixels) to channels first (as data sets do).</summary>
internal static class PixelOrder
{
    /// <summary>Reorders samples of <paramref name="plane"/> pixels, one after the other, in place of a new array.</summary>
    public static T[] ToChannelsFirst<T>(T[] from, int channels, int plane)
    {
        if (channels == 1) return from;
        var to = new T[from.Length];
        var size = channels * plane;
        for (var start = 0; start + size <= from.Length; start += size)
            for (var c = 0; c < channels; c++)
                for (var i = 0; i < plane; i++) to[start + c * plane + i] = from[start + i * channels + c];
        return to;
    }
}

/// <summary>Class names for labels that only have numbers.</summary>
internal static class ClassNumbers
{
    /// <summary>"0", "1", ... up to the largest label.</summary>
    public static IReadOnlyList<string> For(ReadOnlySpan<int> labels)
    {
        var most = 0;
        foreach (var label in labels)
        {
            if (label is < 0 or > 65535) throw new NabiException($"A class label of {label} is not supported; labels are 0 to 65535.");
            most = Math.Max(most, label);
        }
        return [.. Enumerable.Range(0, most + 1).Select(i => i.ToString())];
    }
}
