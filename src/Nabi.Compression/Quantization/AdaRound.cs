using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Post-training quantization whose weights are rounded up or down as the layer's output asks, not to the nearest (Nagel et al. 2020, Up or Down? Adaptive
/// Rounding for Post-Training Quantization). Layer by layer a continuous V per weight is learned that makes ||f(Wx) - f(W~ x^)||^2 + lambda f_reg(V) small
/// (equation 25), where x^ is the layer's input with everything before it quantized, W~ = s clip(floor(W / s) + h(V)) (equation 22), h a rectified sigmoid
/// (equation 23) and f_reg = sum of 1 - |2 h(V) - 1|^beta (equation 24), which drives h to 0 or 1 as beta falls. No labels and no training of the network.
/// Memory for a layer's inputs and outputs grows with <see cref="Samples"/>.
/// </summary>
public sealed record AdaRound : CompressionStep
{
    /// <summary>Bits of weights. Default 4. Range 2 to 8.</summary>
    public int WeightBits { get; init; } = 4;

    /// <summary>Bits of activations: 2 to 8, 16, or 32, which leaves them in float. Default 8.</summary>
    public int ActivationBits { get; init; } = 8;

    /// <summary>One weight scale per output channel? Otherwise one per tensor. Default true.</summary>
    public bool PerChannel { get; init; } = true;

    /// <summary>Weight bits of single layers, each as <c>name=bits</c>. Default none.</summary>
    public ValueArray<string> LayerBits { get; init; } = [];

    /// <summary>How ranges of activations are chosen: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Unlabelled samples that layers are reconstructed on. Default 512; the paper uses 1024 and more. Range 1 to 100,000.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>Steps per layer. Default 1000; the paper takes 10,000, which is a little better. Range 1 to 1,000,000.</summary>
    public int Iterations { get; init; } = 1000;

    /// <summary>Samples in a step. Default 32, as in the paper. Range 1 to 4096.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>The learning rate of Adam. Default 0.01. The paper names Adam's usual rate of 0.001, which 1000 steps are too few for.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>The weight lambda of f_reg. Default 0.01.</summary>
    public double Regularization { get; init; } = 0.01;

    /// <summary>Leave the first layer in float? Default false.</summary>
    public bool KeepFirst { get; init; }

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("weight-bits", WeightBits, 2, 8) ?? General.Fault ?? OutOfRange("samples", Samples, 1, 100_000)
        ?? OutOfRange("iterations", Iterations, 1, 1_000_000) ?? OutOfRange("batch", Batch, 1, 4096) ?? OutOfRange("rate", Rate, 1e-6, 1)
        ?? OutOfRange("regularization", Regularization, 0, 10);

    private Quantize General => new()
    {
        WeightBits = WeightBits,
        ActivationBits = ActivationBits,
        PerChannel = PerChannel,
        LayerBits = LayerBits,
        Observer = Observer,
        Samples = Math.Min(Samples, 256),
        KeepFirst = KeepFirst,
        KeepLast = KeepLast,
        Keep = Keep,
    };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var known = ActivationStatistics.Of(graph);
        var prepared = QuantizationPreparation.Of(graph, General.Settings, context);
        var rng = context.RngFor(0xADA);
        var rounded = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        for (var i = 0; i < prepared.Layers.Count; i++)
        {
            var (layer, done) = (prepared.Layers[i], i);
            var weight = layer.Inputs[WeightAxes.Of(layer)!.Value.Input]!;
            if (rounded.ContainsKey(weight.Name)) continue;
            context.Report($"rounding {layer.Name}", (double)done / prepared.Layers.Count);
            var problem = RoundingProblem.Of(prepared, layer, context, Samples);
            rounded[weight.Name] = problem.Solve(this, rng, context);
            prepared = prepared.Rounded(rounded);
        }
        return General.Finish(prepared, known, context);
    }
}

/// <summary>Writes <see cref="Quantization.AdaRound"/> in recipes.</summary>
public static class AdaRoundRecipe
{
    /// <summary>Adds quantization with learned rounding.</summary>
    public static Recipe AdaRound(this Recipe recipe, Func<AdaRound, AdaRound>? settings = null) =>
        recipe.Then(settings?.Invoke(new AdaRound()) ?? new AdaRound());
}
