using System.Globalization;

namespace Nabi.Formats;

/// <summary>
/// A quantized input tells which real numbers it holds. Where they are those that pixels are commonly turned into (0 to 255, 0 to 1, -1 to 1), the
/// normalization follows, and images of a data set can be measured without saying it.
/// </summary>
internal static class PixelRange
{
    private const double Tolerance = 0.02;

    // Of pixels scaled to [0, 1]: x = (pixel - mean) / std.
    private static readonly (double Low, double High, double Mean, double Std)[] Common = [(0, 255, 0, 1 / 255.0), (0, 1, 0, 1), (-1, 1, 0.5, 0.5)];

    /// <summary>Adds <see cref="MetadataKeys.Mean"/> and <see cref="MetadataKeys.Std"/> when the range is a common one.</summary>
    public static void Describe(TfLiteTensor input, int channels, Dictionary<string, string> metadata)
    {
        if (input is not { IsQuantized: true, Type: DType.Int8 or DType.UInt8, Format: { Scales: [var scale], ZeroPoints: [var zero] } } || channels is < 1 or > 4) return;
        var first = input.Type == DType.Int8 ? -128 : 0;
        var (low, high) = ((first - zero) * (double)scale, (first + 255 - zero) * (double)scale);
        foreach (var range in Common)
        {
            var near = (range.High - range.Low) * Tolerance;
            if (Math.Abs(low - range.Low) > near || Math.Abs(high - range.High) > near) continue;
            metadata[MetadataKeys.Mean] = Repeated(range.Mean, channels);
            metadata[MetadataKeys.Std] = Repeated(range.Std, channels);
            return;
        }
    }

    private static string Repeated(double number, int channels) => string.Join(',', Enumerable.Repeat(number.ToString("R", CultureInfo.InvariantCulture), channels));
}
