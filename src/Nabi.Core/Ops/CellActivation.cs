namespace Nabi.Ops;

/// <summary>An activation function of a recurrent cell, by ONNX's name for it, with its parameters.</summary>
internal readonly record struct CellActivation(string Name, float Alpha, float Beta)
{
    // Name, whether it takes alpha and beta, and their defaults.
    private static readonly (string Name, bool HasAlpha, bool HasBeta, float Alpha, float Beta)[] Known =
    [
        ("Relu", false, false, 0, 0),
        ("Tanh", false, false, 0, 0),
        ("Sigmoid", false, false, 0, 0),
        ("Softsign", false, false, 0, 0),
        ("Softplus", false, false, 0, 0),
        ("Affine", true, true, 1, 0),
        ("LeakyRelu", true, false, 0.01f, 0),
        ("ThresholdedRelu", true, false, 1, 0),
        ("ScaledTanh", true, true, 1, 1),
        ("HardSigmoid", true, true, 0.2f, 0.5f),
        ("Elu", true, false, 1, 0),
    ];

    /// <summary>Gives the names their parameters: each function that has one takes the next of the list.</summary>
    /// <exception cref="NabiException">A name is not known.</exception>
    public static CellActivation[] Resolve(IReadOnlyList<string> names, ValueArray<float> alphas, ValueArray<float> betas)
    {
        var result = new CellActivation[names.Count];
        var (nextAlpha, nextBeta) = (0, 0);
        for (var i = 0; i < result.Length; i++)
        {
            var at = Array.FindIndex(Known, k => k.Name.Equals(names[i], StringComparison.OrdinalIgnoreCase));
            if (at < 0) throw new NabiException($"activation '{names[i]}' is not known; use {string.Join(", ", Known.Select(k => k.Name))}");
            var (name, hasAlpha, hasBeta, alpha, beta) = Known[at];
            result[i] = new CellActivation(name,
                hasAlpha && nextAlpha < alphas.Count ? alphas[nextAlpha++] : alpha,
                hasBeta && nextBeta < betas.Count ? betas[nextBeta++] : beta);
        }
        return result;
    }

    /// <summary>The function of a number.</summary>
    public double Apply(double x) => Name switch
    {
        "Relu" => Math.Max(0, x),
        "Tanh" => Math.Tanh(x),
        "Sigmoid" => 1 / (1 + Math.Exp(-x)),
        "Softsign" => x / (1 + Math.Abs(x)),
        "Softplus" => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
        "Affine" => Alpha * x + Beta,
        "LeakyRelu" => x < 0 ? Alpha * x : x,
        "ThresholdedRelu" => x > Alpha ? x : 0,
        "ScaledTanh" => Alpha * Math.Tanh(Beta * x),
        "HardSigmoid" => Math.Clamp(Alpha * x + Beta, 0, 1),
        _ => x < 0 ? Alpha * (Math.Exp(x) - 1) : x,
    };

    /// <summary>The function as graph nodes.</summary>
    public Value Apply(GraphBuilder b, Value x) => Name switch
    {
        "Relu" => b.Relu(x),
        "Tanh" => b.Tanh(x),
        "Sigmoid" => b.Sigmoid(x),
        "Softsign" => b.Apply(new Softsign(), x),
        "Softplus" => b.Softplus(x),
        "Affine" => b.Add(b.Mul(x, Alpha), Beta),
        "LeakyRelu" => b.LeakyRelu(x, Alpha),
        "ThresholdedRelu" => b.Apply(new ThresholdedRelu { Alpha = Alpha }, x),
        "ScaledTanh" => b.Mul(b.Tanh(b.Mul(x, Beta)), Alpha),
        "HardSigmoid" => b.HardSigmoid(x, Alpha, Beta),
        _ => b.Apply(new Elu { Alpha = Alpha }, x),
    };
}
