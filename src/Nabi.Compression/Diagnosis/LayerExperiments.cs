using System.Numerics.Tensors;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Diagnosis;

/// <summary>Puts single layers of a compressed network back to the original and measures what that brings.</summary>
internal sealed class LayerExperiments
{
    private readonly LayerPairs _pairs;
    private readonly DataSet _data;
    private readonly EvaluationOptions _options;
    private readonly float[][] _wanted;
    private readonly Dictionary<string, LayerPair> _byNode;

    /// <summary>Runs both networks as they are.</summary>
    /// <exception cref="NabiException">They do not tell the same classes apart.</exception>
    public LayerExperiments(LayerPairs pairs, DataSet data, CompressionContext context)
    {
        (_pairs, _data) = (pairs, data);
        _options = new EvaluationOptions { BatchSize = Math.Min(context.BatchSize, data.Count), Session = new SessionOptions { Threads = context.Threads } };
        _byNode = pairs.All.ToDictionary(p => p.Compressed.Name, StringComparer.Ordinal);
        var (original, compressed) = (Evaluator.Logits(pairs.Original, data, _options), Evaluator.Logits(pairs.Compressed, data, _options));
        if (!original.Shape.Equals(compressed.Shape))
            throw new NabiException($"'{pairs.Original.Name}' tells {original.Shape[1]} classes apart, '{pairs.Compressed.Name}' {compressed.Shape[1]}; they cannot be compared.");
        _wanted = Probabilities(original);
        OriginalAccuracy = Accuracy(original);
        (CompressedAccuracy, Divergence) = (Accuracy(compressed), DivergenceOf(compressed));
    }

    /// <summary>The original's share of correct answers.</summary>
    public double OriginalAccuracy { get; }

    /// <summary>The compressed network's.</summary>
    public double CompressedAccuracy { get; }

    /// <summary>Mean divergence of the compressed network's probabilities from the original's, in nats.</summary>
    public double Divergence { get; }

    /// <summary>The layer with what the experiments say of it.</summary>
    public LayerDiagnosis Try(LayerDiagnosis layer)
    {
        var pair = _byNode[layer.Node];
        var rounding = InputRounding.Behind(pair.Compressed.Inputs[0]!);
        if (!pair.CanBePutBack && rounding is null) return layer;
        var restored = Evaluator.Logits(PutBack(pair, rounding is not null), _data, _options);
        var row = layer with
        {
            Restored = Share(Divergence - DivergenceOf(restored)),
            AccuracyGain = Accuracy(restored) - CompressedAccuracy,
            Caused = Caused(pair, pair.CanBePutBack, rounding),
        };
        return row with
        {
            // Where one of the two is all there is, it needs no experiment of its own.
            CausedByWeight = !pair.CanBePutBack ? null : rounding is null ? row.Caused : Caused(pair, true, null),
            CausedByInput = rounding is null ? null : pair.CanBePutBack ? Caused(pair, false, rounding) : row.Caused,
        };
    }

    private double Share(double divergence) => Divergence <= 0 ? 0 : divergence / Divergence;

    private double Caused(LayerPair pair, bool weight, InputRounding? rounding) =>
        Share(DivergenceOf(Evaluator.Logits(Disturbed(pair, weight, rounding), _data, _options)));

    // The compressed network with this layer as in the original.
    private Graph PutBack(LayerPair pair, bool input)
    {
        return Changed(_pairs.Compressed, pair.Compressed, (rewriter, inputs) =>
        {
            if (input) inputs[0] = InputRounding.Without(pair.Compressed.Inputs[0]!, rewriter);
            for (var i = 1; pair.CanBePutBack && i < inputs.Length && i < pair.Original.Inputs.Count; i++)
                if (pair.Original.Inputs[i]?.Data is { } data) inputs[i] = rewriter.Builder.Constant(data);
        });
    }

    // The original with this layer as in the compressed network.
    private Graph Disturbed(LayerPair pair, bool weight, InputRounding? rounding)
    {
        return Changed(_pairs.Original, pair.Original, (rewriter, inputs) =>
        {
            if (rounding is not null) inputs[0] = rounding.Apply(rewriter.Builder, inputs[0]!);
            for (var i = 1; weight && i < inputs.Length && i < pair.Compressed.Inputs.Count; i++)
                if (pair.Compressed.Inputs[i] is { } value && Constant(value) is { } data) inputs[i] = rewriter.Builder.Constant(data);
        });
    }

    private static Graph Changed(Graph graph, Node layer, Action<Rewriter, Value?[]> change)
    {
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes)
        {
            if (node != layer)
            {
                rewriter.Visit(node, null);
                continue;
            }
            var inputs = node.Inputs.Select(rewriter.Map).ToArray();
            change(rewriter, inputs);
            rewriter.Visit(node, rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]));
        }
        return rewriter.Finish();
    }

    // What a stored weight or bias is worth, however it is stored; null when it depends on the samples.
    private static Tensor? Constant(Value value)
    {
        if (value.Data is not null) return value.Data;
        if (value.Producer is not { } node) return null;
        var inputs = node.Inputs.Select(v => v is null ? null : Constant(v)).ToArray();
        return node.Inputs.Where((v, i) => v is not null && inputs[i] is null).Any() ? null
            : ReferenceEvaluator.Evaluate(node, inputs, new Rng(0))[value.Index];
    }

    private double Accuracy(Tensor logits)
    {
        var (classes, correct) = (logits.Shape[1], 0);
        for (var i = 0; i < _data.Count; i++)
            if (TensorPrimitives.IndexOfMax<float>(logits.Span<float>().Slice(i * classes, classes)) == _data.Label(i)) correct++;
        return (double)correct / _data.Count;
    }

    // The mean of sum p log(p / q) over the samples, p the original's.
    private double DivergenceOf(Tensor logits)
    {
        var total = 0.0;
        var found = Probabilities(logits);
        for (var i = 0; i < found.Length; i++)
            for (var c = 0; c < found[i].Length; c++)
                if (_wanted[i][c] > 0) total += _wanted[i][c] * Math.Log(_wanted[i][c] / Math.Max(1e-30, found[i][c]));
        return total / found.Length;
    }

    private static float[][] Probabilities(Tensor logits)
    {
        var (rows, classes) = (new float[logits.Shape[0]][], logits.Shape[1]);
        for (var i = 0; i < rows.Length; i++)
        {
            var row = logits.Span<float>().Slice(i * classes, classes);
            rows[i] = new float[classes];
            TensorPrimitives.Subtract(row, TensorPrimitives.Max<float>(row), rows[i]);
            TensorPrimitives.SoftMax<float>(rows[i], rows[i]);
        }
        return rows;
    }
}
