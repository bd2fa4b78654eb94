namespace Nabi.Compression.Quantization;

/// <summary>How one layer came through quantization.</summary>
/// <param name="Node">The layer's node.</param>
/// <param name="Op">Its operator.</param>
/// <param name="Value">Its output after a fused activation.</param>
/// <param name="Min">Lower bound of the output's range; 0 where it stayed in float.</param>
/// <param name="Max">Upper bound of the output's range.</param>
/// <param name="Sqnr">Signal-to-quantization-noise ratio of the output against the float graph in dB, with all quantization before it.</param>
/// <param name="KeptInFloat">Why the layer stayed in float; null when it is quantized.</param>
public sealed record QuantizedLayer(string Node, string Op, string Value, float Min, float Max, double Sqnr, string? KeptInFloat);
