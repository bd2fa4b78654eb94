using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary>Long work of the libraries, shown as progress lines.</summary>
internal static class Progresses
{
    /// <summary>Trains with a progress line; a cancelled training returns what it reached.</summary>
    /// <param name="screen">Where the line is shown.</param>
    /// <param name="clock">Measures the time left.</param>
    /// <param name="title">What is trained.</param>
    /// <param name="run">The training's Run.</param>
    /// <param name="cancellation">Ends it.</param>
    public static TrainingResult Train(Screen screen, TimeProvider clock, string title, Func<IProgress<TrainingProgress>, CancellationToken, TrainingResult> run, CancellationToken cancellation)
    {
        using var line = new ProgressLine(screen, title, clock);
        var result = run(new Direct<TrainingProgress>(p => line.Report(
            (p.Epoch - 1 + (double)p.Step / p.Steps) / p.Epochs,
            $"epoch {p.Epoch}/{p.Epochs}  loss {p.Loss:0.000}  accuracy {p.Accuracy:P1}  {p.SamplesPerSecond:N0}/s")), cancellation);
        line.Done($"{result.History.Count} epochs, loss {result.History.LastOrDefault()?.Loss ?? double.NaN:0.000}, {result.SamplesPerSecond:N0} samples/s");
        return result;
    }

    /// <summary>Evaluates with a progress line.</summary>
    public static Evaluation Evaluate(Screen screen, TimeProvider clock, Graph model, DataSet data, CancellationToken cancellation, EvaluationOptions? options = null)
    {
        using var line = new ProgressLine(screen, $"evaluating {model.Name} on {data.Name}", clock);
        return Evaluator.Evaluate(model, data, options, new Direct<int>(done => line.Report((double)done / data.Count, $"{done}/{data.Count}")), clock, cancellation);
    }
}

/// <summary>Progress reported where it happens; <see cref="Progress{T}"/> would post it to another thread, out of order.</summary>
internal sealed class Direct<T>(Action<T> report) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
