using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>One usual way to prepare samples, and how well a model does with it.</summary>
/// <param name="Name">In words, for messages.</param>
/// <param name="Normalization">The way.</param>
/// <param name="Accuracy">Accuracy on the samples tried, 0 to 1.</param>
/// <param name="Loss">Mean cross entropy on them.</param>
public sealed record NormalizationTrial(string Name, Normalization Normalization, double Accuracy, double Loss);

/// <summary>
/// Finds out how a trained model wants its inputs when its file does not say: tries the usual ways on some samples. A model given wrongly
/// prepared inputs loses accuracy without any other sign, so that this question is better asked than guessed.
/// </summary>
public static class NormalizationSearch
{
    /// <summary>Tries the usual ways.</summary>
    /// <param name="model">A trained classifier.</param>
    /// <param name="data">Labelled samples; training samples, so that test samples stay unseen.</param>
    /// <param name="samples">Samples tried. Default 300.</param>
    /// <returns>The ways, best accuracy first, then least loss.</returns>
    /// <exception cref="NabiException">The data set does not fit the model.</exception>
    public static IReadOnlyList<NormalizationTrial> Try(Graph model, DataSet data, int samples = 300)
    {
        var some = data.Take(samples);
        return [.. Ways(data).Select(way =>
        {
            var result = Evaluator.Evaluate(model, some, new EvaluationOptions { Normalization = way.Normalization });
            return new NormalizationTrial(way.Name, way.Normalization, result.Accuracy, result.Loss);
        }).OrderByDescending(t => t.Accuracy).ThenBy(t => t.Loss)];
    }

    private static IEnumerable<(string Name, Normalization Normalization)> Ways(DataSet data)
    {
        yield return ("mean and deviation of the data set", Normalization.Of(data));
        if (!data.IsBytes)
        {
            yield return ("values as they are", Normalization.None(data.Channels));
            yield break;
        }
        yield return ("0 to 1", Normalization.None(data.Channels));
        yield return ("0 to 255", Normalization.RawBytes(data.Channels));
        yield return ("-1 to 1", Normalization.Uniform(data.Channels, 0.5, 0.5));
        // Means and deviations of ImageNet, which most published color models were trained with.
        if (data is { IsImages: true, Channels: 3 })
            yield return ("mean and deviation of ImageNet", new Normalization(new[] { 0.485, 0.456, 0.406 }, new[] { 0.229, 0.224, 0.225 }));
    }
}
