namespace Nabi.Models;

/// <summary>
/// A network under construction: the graph builder, the source of initial weights and the names. Layers are written on
/// <see cref="Feature"/>, so that a family reads as its paper's table.
/// </summary>
public sealed class Network
{
    private readonly Rng? _rng;
    private readonly List<string> _scopes = [];

    /// <summary>Starts a network.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="options">The seed of the initial weights, and whether there are any.</param>
    public Network(string name, ModelOptions options)
    {
        Builder = new GraphBuilder(name);
        _rng = options.IsOnlyCounted ? null : new Rng(options.Seed);
    }

    /// <summary>The graph builder, for what the layers do not say.</summary>
    public GraphBuilder Builder { get; }

    /// <summary>Declares the input <c>input</c>: an unknown batch of the given channels, height and width (or any other sample shape).</summary>
    public Feature Input(Shape sample) => new(this, Builder.Input("input", DType.Float32, Shape.Create([Shape.Unknown, .. sample.Dims])));

    /// <summary>Declares the input <c>input</c>: an unknown batch of sequences of whole numbers (tokens), Int64 [N, length].</summary>
    public Feature TokenIds(int length) => new(this, Builder.Input("input", DType.Int64, [Shape.Unknown, length]));

    /// <summary>Adds learned weights, named in the current scope.</summary>
    /// <param name="name">The name.</param>
    /// <param name="data">The initial weights: see <see cref="TruncatedNormal"/>, <see cref="Normal"/> and <see cref="Uniform"/>.</param>
    public Value Parameter(string name, Tensor data) => Builder.Parameter(Named(name), data);

    /// <summary>Adds numbers that are drawn once, from the seed, and never trained: random features, random rotations.</summary>
    /// <param name="name">The name.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="draw">Fills a tensor of that shape, which holds zeros.</param>
    internal Value Drawn(string name, Shape shape, Action<Rng, Tensor> draw)
    {
        var tensor = Tensor.Zeros(DType.Float32, shape);
        if (_rng is not null) draw(_rng, tensor);
        return Builder.Constant(tensor, Named(name));
    }

    /// <summary>Names the layers made in <paramref name="body"/> after a block: <c>layer1.0.conv</c>.</summary>
    public Feature Scope(string name, Func<Feature> body)
    {
        _scopes.Add(name);
        var result = body();
        _scopes.RemoveAt(_scopes.Count - 1);
        return result;
    }

    /// <summary>Declares the output <c>logits</c> and ends the network.</summary>
    public Graph Finish(Feature logits)
    {
        Builder.Output("logits", logits.Value);
        return Builder.Build();
    }

    /// <summary>The name of a layer in the current scope.</summary>
    internal string Named(string layer) => string.Join('.', _scopes.Append(layer));

    /// <summary>Normal weights with standard deviation sqrt(2 / fanOut): He et al., 2015, eq. 14, for layers before a ReLU.</summary>
    internal Tensor HeNormal(Shape shape, int fanOut) => Normal(shape, Math.Sqrt(2.0 / Math.Max(1, fanOut)));

    /// <summary>Normal weights with mean 0.</summary>
    internal Tensor Normal(Shape shape, double deviation) => Filled(shape, rng => rng.NextGaussian() * deviation);

    /// <summary>
    /// Normal weights with mean 0, drawn again while they are farther than two deviations from it: the usual start of transformers, deviation 0.02.
    /// </summary>
    internal Tensor TruncatedNormal(Shape shape, double deviation = 0.02) => Filled(shape, rng =>
    {
        while (true)
            if (rng.NextGaussian() is var z && Math.Abs(z) <= 2) return z * deviation;
    });

    /// <summary>Uniform weights in [-limit, limit).</summary>
    internal Tensor Uniform(Shape shape, double limit) => Filled(shape, rng => (2 * rng.NextDouble() - 1) * limit);

    private Tensor Filled(Shape shape, Func<Rng, double> next)
    {
        var tensor = Tensor.Zeros(DType.Float32, shape);
        if (_rng is null) return tensor;
        foreach (ref var w in tensor.Span<float>()) w = (float)next(_rng);
        return tensor;
    }
}
