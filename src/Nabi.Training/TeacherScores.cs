using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Teachers' scores for the batches of a training: asked in every step, or looked up from one pass before. Several teachers speak with one voice: scores
/// whose softened probabilities are the mean of theirs.
/// </summary>
internal sealed class TeacherScores : IDisposable
{
    private readonly List<(Session Session, string Input)> _teachers = [];
    private readonly Tensor? _all;
    private readonly Tensor _batch;
    private readonly double _temperature;
    private readonly Dictionary<string, Tensor> _feed = new(StringComparer.Ordinal);

    /// <summary>Prepares the teachers.</summary>
    /// <exception cref="NabiException">One does not fit the data or the student, or wants other values than the student.</exception>
    public TeacherScores(IReadOnlyList<Graph> teachers, DataSet data, BatchLoader loader, TrainingOptions options, int classes, ModelInput student, int threads)
    {
        _batch = Tensor.Zeros(DType.Float32, [options.BatchSize, classes]);
        _temperature = options.Distillation!.Temperature;
        var session = new SessionOptions { Threads = threads };
        var all = new List<Tensor>();
        foreach (var given in teachers)
        {
            if (Verifier.FirstNonFinite(given) is { } fault) throw new NabiException(fault);
            var teacher = OpenBatch.Of(Evaluator.WithoutSoftmax(given));
            var input = ModelInput.Of(teacher, data);
            var normalization = Normalization.From(teacher) ?? loader.Normalization;
            if (options.Distillation.IsPrecomputed)
            {
                all.Add(Evaluator.Logits(teacher, data, new EvaluationOptions { Normalization = normalization, Session = session }));
                if (all[^1].Shape[1] != classes) throw Misfit(teacher, all[^1].Shape[1], classes);
                continue;
            }
            if (!normalization.Agrees(loader.Normalization) || !input.SampleShape.Equals(student.SampleShape)) throw PreparedOtherwise(teacher);
            _teachers.Add((new Session(teacher.WithBatch(options.BatchSize), session), input.Name));
            var shape = _teachers[^1].Session.Graph.Outputs[0].Value.Shape;
            if (shape.IsKnown && shape.Count != options.BatchSize * classes) throw Misfit(teacher, shape.Count / options.BatchSize, classes);
        }
        if (all.Count == 0) return;
        _all = all[0];
        if (all.Count > 1) Combine(all, _all.Span<float>());
    }

    /// <summary>The scores of a batch; valid until the next.</summary>
    public Tensor For(Batch batch)
    {
        var classes = _batch.Shape[1];
        if (_all is not null)
        {
            for (var i = 0; i < batch.Indices.Length; i++)
                _all.Span<float>().Slice(batch.Indices[i] * classes, classes).CopyTo(_batch.Span<float>()[(i * classes)..]);
            return _batch;
        }
        if (_teachers.Count == 1) return Ask(_teachers[0], batch);
        Combine([.. _teachers.Select(t => Ask(t, batch))], _batch.Span<float>());
        return _batch;
    }

    public void Dispose()
    {
        foreach (var (session, _) in _teachers) session.Dispose();
    }

    /// <summary>A teacher whose samples are not those of the student.</summary>
    public static NabiException PreparedOtherwise(Graph teacher) =>
        new($"Teacher '{teacher.Name}' wants samples prepared in another way than the student; give the training the teacher's normalization, or precompute its scores.");

    private Tensor Ask((Session Session, string Input) teacher, Batch batch)
    {
        _feed.Clear();
        _feed[teacher.Input] = batch.Inputs;
        return teacher.Session.Run(_feed)[teacher.Session.Graph.Outputs[0].Name].Reshape(_batch.Shape);
    }

    // T log(mean of softmax(z / T)): scores that soften to the mean of the teachers' softened probabilities. May write over the first.
    private void Combine(IReadOnlyList<Tensor> scores, Span<float> to)
    {
        var classes = _batch.Shape[1];
        var mean = new double[classes];
        for (var row = 0; row < to.Length; row += classes)
        {
            Array.Clear(mean);
            foreach (var teacher in scores) AddSoftened(teacher.Span<float>().Slice(row, classes), mean);
            for (var c = 0; c < classes; c++) to[row + c] = (float)(_temperature * Math.Log(Math.Max(mean[c] / scores.Count, 1e-38)));
        }
    }

    private void AddSoftened(ReadOnlySpan<float> scores, Span<double> sum)
    {
        var (most, total) = (double.NegativeInfinity, 0.0);
        foreach (double score in scores) most = Math.Max(most, score);
        foreach (double score in scores) total += Math.Exp((score - most) / _temperature);
        for (var c = 0; c < sum.Length; c++) sum[c] += Math.Exp((scores[c] - most) / _temperature) / total;
    }

    private static NabiException Misfit(Graph teacher, int classes, int wanted) =>
        new($"Teacher '{teacher.Name}' tells {classes} classes apart, but the student {wanted}.");
}
