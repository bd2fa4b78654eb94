using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// A small promptable segmenter in the form of SAM (Kirillov et al. 2023, "Segment Anything", section 3 and appendix A): an image encoder that is run once per image, and a decoder
/// that turns its embedding and some prompts (points, corners of a box) into the mask of what they point at. The decoder is SAM's: positions by random Fourier features, two
/// two-way attention blocks, transposed convolutions, and a mask token whose perceptron weighs the channels of each pixel. Attention has one head.
/// </summary>
/// <param name="Encoder">Images [N, 1, 32, 32] to embeddings [N, <see cref="Width"/>, 8, 8].</param>
/// <param name="Decoder">Embeddings, points [N, P, 2] (x and y, 0 to 1) and kinds [N, P, 5] (one-hot <see cref="PromptKind"/>) to mask scores [N, 1, 32, 32]; above 0 is inside.</param>
public sealed record PromptSegmenter(Graph Encoder, Graph Decoder)
{
    /// <summary>Channels of an embedding and of a token.</summary>
    public const int Width = 32;

    /// <summary>Height and width of images and masks.</summary>
    public const int Size = 32;

    /// <summary>Kinds of prompts, none included.</summary>
    public const int Kinds = 5;

    private const int Grid = 8;
    private const int Blocks = 2;

    /// <summary>An untrained segmenter.</summary>
    /// <param name="channels">Channels of the encoder's first stage; teachers have more of them than students.</param>
    /// <param name="prompts">Prompts a decoder takes; unused ones are of kind none.</param>
    /// <param name="seed">Draws the weights.</param>
    public static PromptSegmenter Create(int channels, int prompts, ulong seed)
    {
        var network = new Network("encoder", new ModelOptions { Seed = seed });
        var x = network.Input([1, Size, Size]).ConvBnRelu(channels, 3, name: "stem").ConvBnRelu(2 * channels, 3, 2, name: "down1").ConvBnRelu(2 * channels, 3, name: "conv1")
            .ConvBnRelu(4 * channels, 3, 2, name: "down2").ConvBnRelu(4 * channels, 3, name: "conv2").Conv(Width, 1, bias: true, name: "neck");
        var encoder = network.Finish(x);
        return new PromptSegmenter(encoder, new DecoderBuilder(new Network("decoder", new ModelOptions { Seed = seed ^ 0xDEC0DE }), prompts).Build());
    }

    /// <summary>The decoder under construction.</summary>
    private sealed class DecoderBuilder(Network network, int prompts)
    {
        private readonly GraphBuilder _b = network.Builder;

        public Graph Build()
        {
            var embedding = _b.Input("embedding", DType.Float32, [Shape.Unknown, Width, Grid, Grid]);
            var points = _b.Input("points", DType.Float32, [Shape.Unknown, prompts, 2]);
            var kinds = _b.Input("kinds", DType.Float32, [Shape.Unknown, prompts, Kinds]);
            var frequencies = network.Drawn("frequencies", [2, Width / 2], (rng, t) => { foreach (ref var w in t.Span<float>()) w = (float)rng.NextGaussian(); });
            var places = _b.Constant(Positions(frequencies.Data!), "places");

            // A prompt that is none has no position, only the embedding of its kind.
            var none = _b.Slice(kinds, 2, 0, 1);
            var angles = _b.Mul(_b.MatMul(_b.Sub(_b.Mul(points, 2), _b.Scalar(1, points)), frequencies), 2 * Math.PI);
            var prompt = _b.Add(_b.Mul(_b.Concat(2, _b.Sin(angles), _b.Cos(angles)), _b.Sub(1, none)), _b.MatMul(kinds, Normal("kind.weight", Kinds, Width)));
            var mask = _b.Add(_b.Mul(_b.ReduceSum(kinds, [1, 2]), 0), Normal("mask.token", 1, 1, Width));
            var start = _b.Concat(1, mask, prompt);

            var keys = _b.Transpose(_b.Reshape(_b.Add(embedding, Normal("no_mask", 1, Width, 1, 1)), [Shape.Unknown, Width, Grid * Grid]), 0, 2, 1);
            var queries = start;
            for (var block = 0; block < Blocks; block++) (queries, keys) = TwoWay($"block{block + 1}", queries, keys, start, places, isFirst: block == 0);
            queries = Norm("last.norm", _b.Add(queries, Attention("last", _b.Add(queries, start), _b.Add(keys, places), keys)));
            return Mask(_b.Reshape(_b.Slice(queries, 1, 0, 1), [Shape.Unknown, Width]), keys);
        }

        // SAM, appendix A: self-attention of the tokens, tokens to image, perceptron, image to tokens; positions are added to queries and keys.
        private (Value Queries, Value Keys) TwoWay(string name, Value queries, Value keys, Value start, Value places, bool isFirst)
        {
            var asked = isFirst ? queries : _b.Add(queries, start);
            var own = Attention($"{name}.self", asked, asked, queries);
            queries = Norm($"{name}.norm1", isFirst ? own : _b.Add(queries, own));
            queries = Norm($"{name}.norm2", _b.Add(queries, Attention($"{name}.image", _b.Add(queries, start), _b.Add(keys, places), keys)));
            queries = Norm($"{name}.norm3", _b.Add(queries, Linear($"{name}.mlp2", _b.Relu(Linear($"{name}.mlp1", queries, Width, 2 * Width)), 2 * Width, Width)));
            keys = Norm($"{name}.norm4", _b.Add(keys, Attention($"{name}.tokens", _b.Add(keys, places), _b.Add(queries, start), queries)));
            return (queries, keys);
        }

        // Pixels four times as dense by two transposed convolutions; the mask token says what each channel weighs.
        private Graph Mask(Value token, Value keys)
        {
            var image = _b.Reshape(_b.Transpose(keys, 0, 2, 1), [Shape.Unknown, Width, Grid, Grid]);
            image = _b.Gelu(Up("up1", image, Width, Width / 2));
            image = _b.Gelu(Up("up2", image, Width / 2, Width / 4));
            var weights = Linear("hyper2", _b.Relu(Linear("hyper1", token, Width, Width)), Width, Width / 4);
            var scores = _b.MatMul(_b.Reshape(weights, [Shape.Unknown, 1, Width / 4]), _b.Reshape(image, [Shape.Unknown, Width / 4, Size * Size]));
            _b.Output("mask", _b.Reshape(scores, [Shape.Unknown, 1, Size, Size]));
            return _b.Build();
        }

        private Value Attention(string name, Value queries, Value keys, Value values)
        {
            var (q, k, v) = (Linear($"{name}.q", queries, Width, Width), Linear($"{name}.k", keys, Width, Width), Linear($"{name}.v", values, Width, Width));
            return Linear($"{name}.out", _b.MatMul(_b.Softmax(_b.Mul(_b.MatMul(q, _b.SwapLast(k)), 1 / Math.Sqrt(Width))), v), Width, Width);
        }

        private Value Linear(string name, Value x, int from, int to)
        {
            var limit = 1 / Math.Sqrt(from);
            return _b.Add(_b.MatMul(x, network.Parameter($"{name}.weight", network.Uniform([from, to], limit))), network.Parameter($"{name}.bias", Tensor.Zeros(DType.Float32, [to])));
        }

        private Value Norm(string name, Value x) => _b.Apply(new LayerNormalization(), x,
            network.Parameter($"{name}.scale", Tensor.Full([Width], 1f)), network.Parameter($"{name}.shift", Tensor.Zeros(DType.Float32, [Width])));

        private Value Up(string name, Value x, int from, int to) => _b.Apply(new ConvTranspose { Window = Window.Of(2, stride: 2) }, x,
            network.Parameter($"{name}.weight", network.Uniform([from, to, 2, 2], 1 / Math.Sqrt(from))), network.Parameter($"{name}.bias", Tensor.Zeros(DType.Float32, [to])));

        private Value Normal(string name, params int[] dims) => network.Parameter(name, network.Normal(Shape.Create(dims), 0.5));

        // The same features for the middle of every cell: [1, cells, Width].
        private static Tensor Positions(Tensor frequencies)
        {
            var (f, places) = (frequencies.ToSingle(), Tensor.Zeros(DType.Float32, [1, Grid * Grid, Width]));
            for (var cell = 0; cell < Grid * Grid; cell++)
            {
                var (x, y) = (2 * (cell % Grid + 0.5) / Grid - 1, 2 * (cell / Grid + 0.5) / Grid - 1);
                for (var i = 0; i < Width / 2; i++)
                {
                    var angle = 2 * Math.PI * (x * f[i] + y * f[Width / 2 + i]);
                    (places.Span<float>()[cell * Width + i], places.Span<float>()[cell * Width + Width / 2 + i]) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
                }
            }
            return places;
        }
    }
}
