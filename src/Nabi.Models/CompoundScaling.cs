namespace Nabi.Models;

/// <summary>
/// Compound scaling: Tan and Le 2019, "EfficientNet", section 3.3, eq. 3: one coefficient phi makes a network deeper (alpha^phi), wider (beta^phi) and its
/// images larger (gamma^phi) at once, where alpha beta^2 gamma^2 is about 2, so that each step of phi about doubles the multiply-accumulates.
/// It fits any network of the zoo that has a depth, a width and images.
/// </summary>
/// <param name="Width">Multiplies channels, above 0.</param>
/// <param name="Depth">Multiplies the blocks of a stage, above 0.</param>
/// <param name="Resolution">Multiplies height and width of the input, above 0.</param>
public readonly record struct CompoundScaling(double Width, double Depth, double Resolution)
{
    /// <summary>How depth grows, as found by the paper's grid search on B0.</summary>
    public const double Alpha = 1.2;

    /// <summary>How width grows.</summary>
    public const double Beta = 1.1;

    /// <summary>How resolution grows.</summary>
    public const double Gamma = 1.15;

    /// <summary>The scaling of eq. 3.</summary>
    /// <param name="phi">How much larger: 0 is the network as it is, 1 about twice the multiply-accumulates, -1 half of them.</param>
    public static CompoundScaling Of(double phi) => new(Math.Pow(Beta, phi), Math.Pow(Alpha, phi), Math.Pow(Gamma, phi));

    /// <summary>What it multiplies the multiply-accumulates of a convolutional network by: depth width^2 resolution^2.</summary>
    public double Cost => Depth * Width * Width * Resolution * Resolution;

    /// <summary>The options of a network scaled so, on top of the width, depth and input that they have.</summary>
    /// <param name="entry">The network; its input must be images.</param>
    /// <param name="options">What else is asked for.</param>
    /// <exception cref="NabiException">The network reads no images.</exception>
    public ModelOptions Apply(ModelEntry entry, ModelOptions? options = null)
    {
        options ??= new ModelOptions();
        if ((options.Input ?? entry.Input) is not { Rank: 3 } input)
            throw new NabiException($"{entry.Name} reads no images, so that it cannot be scaled compoundly; give it a width and a depth.");
        return options with
        {
            Width = options.Width * Width,
            Depth = options.Depth * Depth,
            Input = [input[0], Side(input[1]), Side(input[2])],
        };
    }

    private int Side(int pixels) => Math.Max(1, (int)Math.Round(pixels * Resolution));
}
