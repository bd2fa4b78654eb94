using System.Numerics.Tensors;
using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>Measures models, float or quantized, on data sets.</summary>
public static class Evaluator
{
    /// <summary>Runs every sample through the model.</summary>
    /// <param name="model">A classifier with one input [N, ...], which takes the samples as they are, channels last, or flattened; scores or probabilities [N, classes] as first output.</param>
    /// <param name="data">The samples.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Samples done so far.</param>
    /// <param name="clock">Measures the time taken.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    /// <exception cref="NabiException">The data set does not fit the model.</exception>
    /// <exception cref="OperationCanceledException">The measurement was cancelled.</exception>
    public static Evaluation Evaluate(Graph model, DataSet data, EvaluationOptions? options = null, IProgress<int>? progress = null,
        TimeProvider? clock = null, CancellationToken cancellation = default)
    {
        clock ??= TimeProvider.System;
        options ??= new EvaluationOptions();
        var start = clock.GetTimestamp();
        var tally = new Tally(data, ModelRoles.EndsInSoftmax(model));
        foreach (var (batch, scores) in Scores(model, data, options))
        {
            cancellation.ThrowIfCancellationRequested();
            tally.Add(model, batch, scores);
            progress?.Report(tally.Samples);
        }
        return tally.Result(clock.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>The scores of every sample, [samples, classes], before any softmax at the model's end.</summary>
    /// <exception cref="NabiException">The data set does not fit the model.</exception>
    public static Tensor Logits(Graph model, DataSet data, EvaluationOptions? options = null)
    {
        Tensor? all = null;
        foreach (var (batch, scores) in Scores(WithoutSoftmax(model), data, options ?? new EvaluationOptions()))
        {
            var classes = scores.Count / scores.Shape[0];
            all ??= Tensor.Empty(DType.Float32, [data.Count, classes]);
            scores.Span<float>()[..(batch.Count * classes)].CopyTo(all.Span<float>()[(batch.Step * scores.Count)..]);
        }
        return all!;
    }

    /// <summary>
    /// How far an autoencoder's outputs are from its inputs: the mean squared difference of every sample, in normalized units. What it has not learned to give back is not
    /// what it was trained on: the score of anomaly detection.
    /// </summary>
    /// <exception cref="NabiException">The data set does not fit the model, or its output has not the size of its input.</exception>
    public static double[] ReconstructionErrors(Graph model, DataSet data, EvaluationOptions? options = null)
    {
        var errors = new double[data.Count];
        foreach (var (batch, output) in Scores(model, data, options ?? new EvaluationOptions()))
        {
            if (output.Count != batch.Inputs.Count)
                throw new NabiException($"Model '{model.Name}' gives back {output.Count / batch.Inputs.Shape[0]} values for samples of {data.SampleSize}; a reconstruction must have the size of the input.");
            for (var i = 0; i < batch.Count; i++)
            {
                var given = batch.Inputs.Span<float>().Slice(i * data.SampleSize, data.SampleSize);
                var back = output.Span<float>().Slice(i * data.SampleSize, data.SampleSize);
                var distance = (double)TensorPrimitives.Distance<float>(given, back);
                errors[batch.Indices[i]] = distance * distance / data.SampleSize;
            }
        }
        return errors;
    }

    /// <summary>The model with its scores as only output, before any softmax.</summary>
    internal static Graph WithoutSoftmax(Graph model)
    {
        if (!ModelRoles.EndsInSoftmax(model)) return model;
        var rewriter = new Rewriter(model);
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var output = model.Outputs[0].Value;
        while (output.Producer is { Op: Ops.Softmax or Ops.Identity } end) output = end.Inputs[0]!;
        rewriter.Builder.Output(model.Outputs[0].Name, rewriter[output]);
        return rewriter.Builder.Build();
    }

    // The two objects of a pair are valid until the next pair.
    private static IEnumerable<(Batch Batch, Tensor Scores)> Scores(Graph model, DataSet data, EvaluationOptions options)
    {
        model = OpenBatch.Of(model);
        if (data.Count == 0) throw new NabiException($"Data set '{data.Name}' has no samples to measure; with fewer than three samples of a class none are set aside for testing.");
        if (Verifier.FirstNonFinite(model) is { } fault) throw new NabiException(fault);
        var input = ModelInput.Of(model, data);
        var declared = model.Inputs[0].Shape;
        var batchSize = declared.IsRanked && declared[0] != Shape.Unknown ? declared[0] : Math.Min(options.BatchSize, data.Count);
        var loader = new BatchLoader(data, new BatchOptions
        {
            BatchSize = batchSize,
            Shuffle = false,
            DropLast = false,
            Normalization = options.Normalization ?? Normalization.From(model) ?? Normalization.None(data.Channels),
            SampleShape = input.SampleShape,
            ChannelsLast = input.IsChannelsLast,
            Augmentations = options.Augmentations,
            Seed = options.Seed,
        });
        using var session = new Session(model.WithBatch(batchSize), options.Session);
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var batch in loader.Epoch(0))
        {
            feed[input.Name] = batch.Inputs;
            var scores = session.Run(feed)[model.Outputs[0].Name].Cast(DType.Float32);
            if (scores.Shape.Rank < 2 || scores.Shape[0] != batchSize || scores.Count / batchSize < data.ClassNames.Count)
                throw new NabiException($"Model '{model.Name}' gives scores {scores.Shape} for {batchSize} samples, but data set '{data.Name}' has {data.ClassNames.Count} classes.");
            yield return (batch, scores);
        }
    }

    private sealed class Tally(DataSet data, bool areProbabilities)
    {
        private readonly int[] _predictions = new int[data.Count];
        private readonly int[][] _confusion = [.. data.ClassNames.Select(_ => new int[data.ClassNames.Count])];
        private int _correct, _correctTop5;
        private double _loss;

        public int Samples { get; private set; }

        public void Add(Graph model, Batch batch, Tensor scores)
        {
            var classes = scores.Count / scores.Shape[0];
            for (var i = 0; i < batch.Count; i++)
            {
                var row = scores.Span<float>().Slice(i * classes, classes);
                var label = batch.Labels[i];
                var (best, above) = (0, 0);
                for (var c = 0; c < classes; c++)
                {
                    if (!float.IsFinite(row[c]))
                        throw new NabiException($"Model '{model.Name}' gives the score {row[c]} for sample {batch.Indices[i]} of '{data.Name}'; look for damaged weights or a wrong normalization.");
                    if (row[c] > row[best]) best = c;
                    if (row[c] > row[label]) above++;
                }
                _predictions[batch.Indices[i]] = best;
                if (best < _confusion.Length) _confusion[label][best]++;
                if (best == label) _correct++;
                if (above < 5) _correctTop5++;
                _loss -= LogProbability(row, label, row[best]);
                Samples++;
            }
        }

        public Evaluation Result(double seconds) => new(Samples, _correct, _correctTop5, _loss / Samples, seconds, _predictions, _confusion);

        private double LogProbability(ReadOnlySpan<float> row, int label, float largest)
        {
            if (areProbabilities) return Math.Log(Math.Max(row[label], 1e-7));
            var sum = 0.0;
            foreach (var score in row) sum += Math.Exp(score - (double)largest);
            return row[label] - (double)largest - Math.Log(sum);
        }
    }
}
