namespace Nabi.Models;

/// <summary>How papers scale channel counts.</summary>
internal static class Channels
{
    /// <summary>Channels times width, at least 1.</summary>
    public static int Scaled(int channels, double width) => Math.Max(1, (int)Math.Round(channels * width));

    /// <summary>
    /// Channels times width, rounded to a multiple of 8 and never down by more than a tenth: the rule of MobileNet's and
    /// EfficientNet's reference code.
    /// </summary>
    public static int Divisible(double channels, int divisor = 8)
    {
        var rounded = Math.Max(divisor, (int)(channels + divisor / 2.0) / divisor * divisor);
        return rounded < 0.9 * channels ? rounded + divisor : rounded;
    }
}
