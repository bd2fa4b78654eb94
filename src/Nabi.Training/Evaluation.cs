namespace Nabi.Training;

/// <summary>How well a model does on a data set.</summary>
/// <param name="Samples">Samples measured.</param>
/// <param name="Correct">Samples whose largest score is their class.</param>
/// <param name="CorrectTop5">Samples whose class is among the five largest scores.</param>
/// <param name="Loss">Mean cross entropy in nats.</param>
/// <param name="Seconds">Time taken, loading included.</param>
/// <param name="Predictions">The predicted class of each sample, in the data set's order.</param>
/// <param name="Confusion">Number of samples by true class, then predicted class.</param>
public sealed record Evaluation(int Samples, int Correct, int CorrectTop5, double Loss, double Seconds, IReadOnlyList<int> Predictions, IReadOnlyList<IReadOnlyList<int>> Confusion)
{
    /// <summary>Share of correct predictions, 0 to 1.</summary>
    public double Accuracy => (double)Correct / Samples;

    /// <summary>Share of samples whose class is among the five largest scores, 0 to 1.</summary>
    public double Top5Accuracy => (double)CorrectTop5 / Samples;

    /// <summary>Share of samples on which two models predict the same class, 0 to 1.</summary>
    /// <exception cref="ArgumentException">They were measured on different numbers of samples.</exception>
    public double AgreementWith(Evaluation other)
    {
        if (other.Samples != Samples) throw new ArgumentException($"Evaluations of {Samples} and {other.Samples} samples cannot be compared.", nameof(other));
        return Predictions.Zip(other.Predictions, (a, b) => a == b ? 1 : 0).Sum() / (double)Samples;
    }
}
