namespace Nabi.Models.Tests;

public class MobileFormerTests
{
    private const int Channels = 4;
    private const int Pixels = 6;
    private const int Tokens = 3;
    private const int Width = 8;
    private const int Heads = 2;

    private readonly Network _network = new("n", new ModelOptions { Seed = 4 });

    [Fact]
    public void Mobile_to_Former_is_cross_attention_with_the_image_as_key_and_value()
    {
        var (local, tokens) = Inputs();
        var graph = _network.Finish(MobileFormer.MobileToFormer(local, tokens));
        var (x, z, actual) = Run(graph);
        var (q, alpha) = (Linear(graph, "q", z), Linear(graph, "alpha", z));
        var answer = Attention(q, Transposed(x), Transposed(x));
        for (var t = 0; t < Tokens; t++)
            for (var c = 0; c < Channels; c++) answer[t, c] *= 2 * Math.Clamp(alpha[t, c] / 6 + 0.5, 0, 1);
        var projected = Linear(graph, "proj", answer);
        for (var t = 0; t < Tokens; t++)
        {
            var sum = Enumerable.Range(0, Width).Select(d => z[t, d] + projected[t, d]).ToArray();
            var mean = sum.Average();
            var deviation = Math.Sqrt(sum.Average(v => (v - mean) * (v - mean)) + 1e-5);
            for (var d = 0; d < Width; d++) Assert.Equal((sum[d] - mean) / deviation, actual[t * Width + d], 1e-4);
        }
    }

    [Fact]
    public void Former_to_Mobile_is_cross_attention_with_the_image_as_query()
    {
        var (local, tokens) = Inputs();
        var graph = _network.Finish(MobileFormer.FormerToMobile(local, tokens));
        var (x, z, actual) = Run(graph);
        var answer = Attention(Transposed(x), Linear(graph, "k", z), Linear(graph, "v", z));
        for (var c = 0; c < Channels; c++)
            for (var p = 0; p < Pixels; p++) Assert.Equal(x[c, p] + answer[p, c], actual[c * Pixels + p], 1e-4);
    }

    [Fact]
    public void Dynamic_relu_is_the_larger_of_two_lines_and_starts_as_a_relu()
    {
        var (local, tokens) = Inputs();
        var graph = _network.Finish(MobileFormer.DynamicRelu(local, tokens.Token(0), "relu"));
        var (x, _, start) = Run(graph.WithParameters(new Dictionary<string, Tensor> { ["relu.fc2.weight"] = Tensor.Zeros(DType.Float32, [2, 2 * Channels]) }));
        for (var i = 0; i < start.Length; i++) Assert.Equal(Math.Max(x[i / Pixels, i % Pixels], 0), start[i], 1e-6);

        // 2 max(0, min(1, b / 6 + 1/2)) is the first slope, the second one less.
        double[] first = [0.4, 1.0, 2.0, 0.0], second = [0.8, 0.0, -0.5, -1.0];
        float[] bias = [.. first.Concat(second.Select(a => a + 1)).Select(a => (float)(6 * (a / 2 - 0.5)))];
        var (_, _, actual) = Run(graph.WithParameters(new Dictionary<string, Tensor>
        {
            ["relu.fc2.weight"] = Tensor.Zeros(DType.Float32, [2, 2 * Channels]),
            ["relu.fc2.bias"] = Tensor.Of<float>([2 * Channels], bias),
        }));
        for (var i = 0; i < actual.Length; i++)
        {
            var (c, v) = (i / Pixels, x[i / Pixels, i % Pixels]);
            Assert.Equal(Math.Max(first[c] * v, second[c] * v), actual[i], 1e-5);
        }
    }

    private (Feature Local, Feature Tokens) Inputs() => (
        _network.Input([Channels, 2, Pixels / 2]),
        new Feature(_network, _network.Parameter("tokens", _network.Normal([1, Tokens, Width], 1))));

    private static (double[,] Image, double[,] Tokens, float[] Result) Run(Graph graph)
    {
        var rng = new Rng(5);
        var image = Tensor.Of<float>([1, Channels, 2, Pixels / 2], [.. Enumerable.Range(0, Channels * Pixels).Select(_ => (float)(3 * rng.NextGaussian()))]);
        var result = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = image })["logits"].ToSingle();
        return (Matrix(image, Channels), Matrix(graph.Parameter("tokens")!.Data!, Tokens), result);
    }

    private static double[,] Matrix(Tensor tensor, int rows)
    {
        var (values, matrix) = (tensor.ToSingle(), new double[rows, tensor.Count / rows]);
        for (var i = 0; i < values.Length; i++) matrix[i / matrix.GetLength(1), i % matrix.GetLength(1)] = values[i];
        return matrix;
    }

    private static double[,] Transposed(double[,] a)
    {
        var result = new double[a.GetLength(1), a.GetLength(0)];
        for (var i = 0; i < a.GetLength(0); i++)
            for (var j = 0; j < a.GetLength(1); j++) result[j, i] = a[i, j];
        return result;
    }

    private static double[,] Linear(Graph graph, string name, double[,] x)
    {
        var weight = Matrix(graph.Parameter($"{name}.weight")!.Data!, x.GetLength(1));
        var bias = graph.Parameter($"{name}.bias")!.Data!.ToSingle();
        var y = new double[x.GetLength(0), bias.Length];
        for (var i = 0; i < y.GetLength(0); i++)
        {
            for (var j = 0; j < bias.Length; j++)
            {
                y[i, j] = bias[j];
                for (var k = 0; k < x.GetLength(1); k++) y[i, j] += x[i, k] * weight[k, j];
            }
        }
        return y;
    }

    // softmax(Q K^T / sqrt(d)) V for each head.
    private static double[,] Attention(double[,] queries, double[,] keys, double[,] values)
    {
        var (size, result) = (Channels / Heads, new double[queries.GetLength(0), Channels]);
        for (var h = 0; h < Heads; h++)
        {
            for (var i = 0; i < queries.GetLength(0); i++)
            {
                var weights = new double[keys.GetLength(0)];
                for (var s = 0; s < weights.Length; s++)
                {
                    for (var d = h * size; d < (h + 1) * size; d++) weights[s] += queries[i, d] * keys[s, d] / Math.Sqrt(size);
                    weights[s] = Math.Exp(weights[s]);
                }
                var total = weights.Sum();
                for (var d = h * size; d < (h + 1) * size; d++)
                    for (var s = 0; s < weights.Length; s++) result[i, d] += weights[s] / total * values[s, d];
            }
        }
        return result;
    }
}
