using Nabi.Ops;

namespace Nabi.Models;

/// <summary>The layers of transformers. Tokens are [N, T, D]: sample, token, feature.</summary>
public readonly partial record struct Feature
{
    /// <summary>Features of a token: the last dimension.</summary>
    public int Width => Value.Shape[-1];

    /// <summary>Tokens of a sample: dimension 1 of [N, T, D].</summary>
    public int Tokens => Value.Shape[1];

    /// <summary>
    /// A dense layer on the last axis, whatever stands before it: weights [features, units] as in ONNX <c>MatMul</c>, truncated normal with deviation 0.02, bias 0.
    /// </summary>
    /// <param name="units">Features at the output.</param>
    /// <param name="name">The layer's name.</param>
    /// <param name="bias">Add a bias?</param>
    /// <param name="initial">Other initial weights, [features, units].</param>
    public Feature Linear(int units, string name, bool bias = true, Tensor? initial = null)
    {
        var layer = Network.Named(name);
        var weight = Builder.Parameter($"{layer}.weight", initial ?? Network.TruncatedNormal([Width, units]));
        var y = Builder.ApplyNamed(new MatMul(), layer, 1, [Value, weight])[0];
        return With(bias ? Builder.Add(y, Builder.Parameter($"{layer}.bias", Tensor.Zeros(DType.Float32, [units]))) : y);
    }

    /// <summary>Layer normalization over the last axis (Ba et al. 2016), scale 1 and bias 0 at the start.</summary>
    /// <param name="name">The layer's name.</param>
    /// <param name="epsilon">Added to the variance. Default 1e-6, as vision transformers have it.</param>
    public Feature LayerNorm(string name = "norm", float epsilon = 1e-6f)
    {
        var layer = Network.Named(name);
        var scale = Builder.Parameter($"{layer}.weight", Tensor.Full([Width], 1f));
        var bias = Builder.Parameter($"{layer}.bias", Tensor.Zeros(DType.Float32, [Width]));
        return With(Builder.ApplyNamed(new LayerNormalization { Epsilon = epsilon }, layer, 1, [Value, scale, bias])[0]);
    }

    /// <summary>x times the cumulative distribution of the standard normal at x: Hendrycks and Gimpel 2016, eq. 1, with the error function.</summary>
    public Feature Gelu() => With(Builder.Mul(Builder.Mul(Value, 0.5), Builder.Add(Builder.Erf(Builder.Mul(Value, 1 / Math.Sqrt(2))), 1.0)));

    /// <summary>[N, D, H, W] to [N, H * W, D]: every place becomes a token, row by row.</summary>
    public Feature ImageToTokens()
    {
        var shape = Value.Shape;
        return With(Builder.Transpose(Builder.Reshape(Value, [Shape.Unknown, shape[1], shape[2] * shape[3]]), 0, 2, 1));
    }

    /// <summary>[N, H * W, D] to [N, D, H, W].</summary>
    public Feature TokensToImage(int height, int width) =>
        With(Builder.Reshape(Builder.Transpose(Value, 0, 2, 1), [Shape.Unknown, Width, height, width]));

    /// <summary>
    /// Images cut into patches of <paramref name="size"/> x <paramref name="size"/>, each a token: a convolution with stride <paramref name="size"/>, uniform in
    /// +-1/sqrt(fan-in) as the reference codes leave it.
    /// </summary>
    public Feature PatchEmbed(int size, int width, string name = "patch_embed")
    {
        var layer = Network.Named(name);
        var limit = 1 / Math.Sqrt(Channels * size * size);
        var weight = Builder.Parameter($"{layer}.weight", Network.Uniform([width, Channels, size, size], limit));
        var bias = Builder.Parameter($"{layer}.bias", Network.Uniform([width], limit));
        return With(Builder.ApplyNamed(new Conv { Window = Window.Of(size, size) }, layer, 1, [Value, weight, bias])[0]).ImageToTokens();
    }

    /// <summary>Puts one learned token in front of all others (Devlin et al. 2019; Dosovitskiy et al. 2021, eq. 1).</summary>
    public Feature PrependToken(string name = "cls_token")
    {
        var token = Network.Parameter(name, Network.TruncatedNormal([1, 1, Width]));
        // Both sides padded with zeros and added: no operator has to know the batch.
        return With(Builder.Add(Builder.Pad(Value, 0, 1, 0, 0, 0, 0), Builder.Pad(token, 0, 0, 0, 0, Tokens, 0)));
    }

    /// <summary>Adds a learned vector to each place of the sequence.</summary>
    public Feature AddPositions(string name = "pos_embed") => With(Builder.Add(Value, Network.Parameter(name, Network.TruncatedNormal([1, Tokens, Width]))));

    /// <summary>One token of each sample: [N, D].</summary>
    public Feature Token(int index) => With(Builder.Squeeze(Builder.Slice(Value, 1, index, index + 1), 1));

    /// <summary>Tokens <paramref name="from"/> to <paramref name="to"/> (exclusive).</summary>
    public Feature TokenRange(int from, int to) => With(Builder.Slice(Value, 1, from, to));

    /// <summary>Tokens chosen sample by sample, in the given order.</summary>
    /// <param name="indices">Int64 [N, K].</param>
    /// <returns>[N, K, D].</returns>
    public Feature GatherTokens(Value indices) => With(Builder.Apply(new GatherND { BatchDims = 1 }, Value, Builder.Unsqueeze(indices, 2)));

    /// <summary>The mean of all tokens: [N, D].</summary>
    public Feature MeanToken() => With(Builder.ReduceMean(Value, [1], keepdims: false));

    /// <summary>[N, T, D] to [N, heads, T, D / heads].</summary>
    public Feature SplitHeads(int heads) =>
        With(Builder.Transpose(Builder.Reshape(Value, [Shape.Unknown, Tokens, heads, Width / heads]), 0, 2, 1, 3));

    /// <summary>[N, heads, T, D / heads] to [N, T, D].</summary>
    public Feature MergeHeads()
    {
        var shape = Value.Shape;
        return With(Builder.Reshape(Builder.Transpose(Value, 0, 2, 1, 3), [Shape.Unknown, shape[2], shape[1] * shape[3]]));
    }

    /// <summary>
    /// softmax(Q K^T / sqrt(d)) V (Vaswani et al. 2017, eq. 1) on [N, heads, T, d]; Q is this value.
    /// </summary>
    /// <param name="keys">[N, heads, S, d].</param>
    /// <param name="values">[N, heads, S, e].</param>
    /// <param name="mask">Added to the scores before the softmax: broadcasts to [N, heads, T, S].</param>
    public Feature DotProductAttention(Feature keys, Feature values, Value? mask = null) =>
        With(Builder.MatMul(AttentionWeights(keys, mask).Value, values.Value));

    /// <summary>softmax(Q K^T / sqrt(d)): [N, heads, T, S].</summary>
    /// <inheritdoc cref="DotProductAttention"/>
    public Feature AttentionWeights(Feature keys, Value? mask = null)
    {
        var scores = Builder.MatMul(Builder.Mul(Value, 1 / Math.Sqrt(Width)), Builder.Transpose(keys.Value, 0, 1, 3, 2));
        return With(Builder.Softmax(mask is null ? scores : Builder.Add(scores, mask)));
    }

    /// <summary>Multi-head self-attention (Vaswani et al. 2017, section 3.2.2) with separate projections for queries, keys and values.</summary>
    /// <param name="heads">Heads; divides <see cref="Width"/>.</param>
    /// <param name="attend">From queries, keys and values [N, heads, T, d] to [N, heads, T, d]; dot-product attention when not given. <see cref="LinformerAttention"/>,
    /// <see cref="LshAttention"/> and <see cref="FavorAttention"/> are others.</param>
    /// <param name="qkvBias">Have the three projections biases?</param>
    public Feature SelfAttention(int heads, Func<Feature, Feature, Feature, Feature>? attend = null, bool qkvBias = true)
    {
        var (q, k, v) = (Linear(Width, "q", qkvBias).SplitHeads(heads), Linear(Width, "k", qkvBias).SplitHeads(heads), Linear(Width, "v", qkvBias).SplitHeads(heads));
        return (attend?.Invoke(q, k, v) ?? q.DotProductAttention(k, v)).MergeHeads().Linear(Width, "proj");
    }

    /// <summary>Two dense layers with an activation between them; GELU when not given.</summary>
    public Feature Mlp(int hidden, Func<Feature, Feature>? activation = null)
    {
        var x = Linear(hidden, "fc1");
        return (activation?.Invoke(x) ?? x.Gelu()).Linear(Width, "fc2");
    }

    /// <summary>
    /// The pre-norm transformer block (Dosovitskiy et al. 2021, eqs. 2 and 3): x + MSA(LN(x)), then x + MLP(LN(x)).
    /// </summary>
    /// <param name="heads">Attention heads.</param>
    /// <param name="mlpRatio">Hidden features of the MLP over <see cref="Width"/>.</param>
    /// <param name="attend">As in <see cref="SelfAttention"/>.</param>
    /// <param name="between">What happens to the tokens between attention and MLP; nothing when not given.</param>
    /// <param name="qkvBias">Have the projections of queries, keys and values biases?</param>
    /// <param name="epsilon">As in <see cref="LayerNorm"/>.</param>
    /// <param name="activation">As in <see cref="Mlp"/>.</param>
    public Feature TransformerBlock(int heads, double mlpRatio = 4, Func<Feature, Feature, Feature, Feature>? attend = null, Func<Feature, Feature>? between = null,
        bool qkvBias = true, float epsilon = 1e-6f, Func<Feature, Feature>? activation = null)
    {
        var input = this;
        var x = input.Add(Network.Scope("attn", () => input.LayerNorm(epsilon: epsilon).SelfAttention(heads, attend, qkvBias)));
        if (between is not null) x = between(x);
        return x.Add(Network.Scope("mlp", () => x.LayerNorm(epsilon: epsilon).Mlp((int)(x.Width * mlpRatio), activation)));
    }
}
