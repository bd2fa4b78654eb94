namespace Nabi.Compression.Pruning;

/// <summary>Against which others a weight is ranked.</summary>
internal static class WeightScope
{
    /// <summary>All layers' weights together.</summary>
    public const string Global = "global";

    /// <summary>Each layer's by themselves, so that each layer becomes equally sparse.</summary>
    public const string Layer = "layer";

    /// <summary>
    /// All together, in units of each layer's deviation (the root of its mean squared score): one threshold "quality parameter times the standard deviation of a
    /// layer's weights" for all, as Han et al. 2015, section 4.
    /// </summary>
    public const string Deviation = "deviation";

    /// <summary>What is wrong with a scope, as a clause; null when nothing is.</summary>
    public static string? Fault(string scope) => scope is Global or Layer or Deviation ? null : $"scope is '{scope}' but must be global, layer or deviation";
}
