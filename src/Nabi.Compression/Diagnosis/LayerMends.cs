namespace Nabi.Compression.Diagnosis;

/// <summary>Says what to do about a layer that costs accuracy. The rules look for the cause before they spend bits.</summary>
internal static class LayerMends
{
    // Layers to blame for less than this part of the divergence are not worth a change.
    private const double Matters = 0.05;

    private const double ManySaturated = 0.01;
    private const double WideSpread = 8;
    private const double FarShift = 0.1;
    private const double ManyWastedBits = 2;

    /// <summary>Is what the network lost too little to look for its cause? Shares of almost nothing are noise.</summary>
    /// <param name="divergence">Mean divergence from the original's probabilities, in nats.</param>
    /// <param name="drop">Loss of accuracy, in parts of all samples.</param>
    public static bool IsHarmless(double divergence, double drop) => divergence < 0.01 && drop < 0.005;

    /// <summary>The mends, the most promising first; none where the layer costs little.</summary>
    public static IReadOnlyList<string> For(LayerDiagnosis layer)
    {
        if (layer.Blame < Matters) return layer is { IsPruned: true, Restored: null } ? [Pruned(layer)] : [];
        var mends = new List<string>();
        var byWeight = layer.CausedByWeight ?? 0;
        var byInput = layer.CausedByInput ?? 0;
        if (layer.WeightBits < 32 && byWeight >= byInput) mends.AddRange(OfWeight(layer));
        else if (layer.Saturation is not null) mends.AddRange(OfInput(layer));
        if (layer.Shift > FarShift) mends.Add($"correct its bias (bias-correction: true): its mean has moved by {layer.Shift:0.00} standard deviations");
        if (layer.IsPruned) mends.Add(Pruned(layer));
        if (layer.WeightBits < 32 || layer.Saturation is not null) mends.Add($"keep it in float: keep: [{layer.Node}]");
        return mends;
    }

    private static IEnumerable<string> OfWeight(LayerDiagnosis layer)
    {
        if (layer.IsPerTensor && layer.ChannelSpread > WideSpread)
            yield return $"equalize-layers before quantizing: its largest weight is {layer.ChannelSpread:0} times that of a usual channel, and one scale serves all";
        if (layer.IsPerTensor) yield return "one scale per channel (per-channel: true)";
        if (layer.WeightBits < 8)
        {
            yield return $"ada-round its {layer.WeightBits}-bit weight instead of rounding to nearest";
            yield return $"more than {layer.WeightBits} bits for its weight";
        }
        else if (!layer.IsPerTensor)
        {
            yield return "train with rounding (train-int8)";
        }
    }

    private static IEnumerable<string> OfInput(LayerDiagnosis layer)
    {
        if (layer.InputSpread > WideSpread)
            yield return $"equalize-layers before quantizing: the largest channel of its input is {layer.InputSpread:0} times a usual one, and one scale serves all";
        if (layer.Saturation > ManySaturated)
            yield return $"a wider range for its input (observer: min-max): {layer.Saturation:P1} of the values are cut off";
        if (layer.WastedBits > ManyWastedBits)
            yield return $"a narrower range for its input (observer: mse or kl): {layer.WastedBits:0.0} bits go to values that hardly occur";
        if (layer is { InputSpread: <= WideSpread, Saturation: <= ManySaturated, WastedBits: <= ManyWastedBits }) yield return "more bits for its input, or training with rounding (train-int8)";
    }

    private static string Pruned(LayerDiagnosis layer) => $"prune {layer.Node} less, or fine-tune longer with the original as teacher";
}
