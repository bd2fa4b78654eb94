using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>A teacher's scores for the batches of a training: asked in every step, or looked up from one pass before.</summary>
internal sealed class TeacherScores : IDisposable
{
    private readonly Session? _session;
    private readonly Tensor? _all;
    private readonly Tensor _batch;
    private readonly ModelInput _input;
    private readonly Dictionary<string, Tensor> _feed = new(StringComparer.Ordinal);

    /// <summary>Prepares the teacher.</summary>
    /// <exception cref="NabiException">It does not fit the data or the student, or wants other values than the student.</exception>
    public TeacherScores(Graph teacher, DataSet data, BatchLoader loader, TrainingOptions options, int classes, ModelInput student, int threads)
    {
        if (Verifier.FirstNonFinite(teacher) is { } fault) throw new NabiException(fault);
        teacher = OpenBatch.Of(Evaluator.WithoutSoftmax(teacher));
        _input = ModelInput.Of(teacher, data);
        var normalization = Normalization.From(teacher) ?? loader.Normalization;
        _batch = Tensor.Zeros(DType.Float32, [options.BatchSize, classes]);
        if (options.Distillation!.IsPrecomputed)
        {
            _all = Evaluator.Logits(teacher, data, new EvaluationOptions { Normalization = normalization, Session = new SessionOptions { Threads = threads } });
            if (_all.Shape[1] != classes) throw Misfit(teacher, _all.Shape[1], classes);
            return;
        }
        if (!Agree(normalization, loader.Normalization) || !_input.SampleShape.Equals(student.SampleShape))
            throw new NabiException($"Teacher '{teacher.Name}' wants samples prepared in another way than the student; give the training the teacher's normalization, or precompute its scores.");
        _session = new Session(teacher.WithBatch(options.BatchSize), new SessionOptions { Threads = threads });
        var shape = _session.Graph.Outputs[0].Value.Shape;
        if (shape.IsKnown && shape.Count != options.BatchSize * classes) throw Misfit(teacher, shape.Count / options.BatchSize, classes);
    }

    /// <summary>The scores of a batch; valid until the next.</summary>
    public Tensor For(Batch batch)
    {
        if (_all is not null)
        {
            var classes = _all.Shape[1];
            for (var i = 0; i < batch.Indices.Length; i++)
                _all.Span<float>().Slice(batch.Indices[i] * classes, classes).CopyTo(_batch.Span<float>()[(i * classes)..]);
            return _batch;
        }
        _feed[_input.Name] = batch.Inputs;
        return _session!.Run(_feed)[_session.Graph.Outputs[0].Name].Reshape(_batch.Shape);
    }

    public void Dispose() => _session?.Dispose();

    private static bool Agree(Normalization a, Normalization b)
    {
        for (var c = 0; c < a.Channels && c < b.Channels; c++)
            if (Math.Abs(a.Mean[c] - b.Mean[c]) > 1e-6 || Math.Abs(a.Std[c] - b.Std[c]) > 1e-6) return false;
        return a.Channels == b.Channels;
    }

    private static NabiException Misfit(Graph teacher, int classes, int wanted) =>
        new($"Teacher '{teacher.Name}' tells {classes} classes apart, but the student {wanted}.");
}
