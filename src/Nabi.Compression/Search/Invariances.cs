using Nabi.Compression.Distillation;
using Nabi.Training;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Compression.Search;

/// <summary>
/// Finds which random changes of images mean nothing to a network: those under which it answers nearly as well. A network that learned to recognise mirrored
/// images may be fine-tuned on mirrored images; one that reads digits may not.
/// </summary>
internal static class Invariances
{
    private const int Samples = 1000;
    private const int Padding = 4;
    private const double LargestLoss = 0.03;

    /// <summary>The training with the changes of images that the network does not mind.</summary>
    public static FineTune Of(FineTune tuning, Graph network, CompressionContext context)
    {
        var data = context.Validation.Take(Samples);
        if (!data.IsImages) return tuning;
        context.Report("looking for changes of images that mean nothing");
        var usual = Accuracy(null);
        return tuning with
        {
            Flip = tuning.Flip || Accuracy(new HorizontalFlip(1)) >= usual - LargestLoss,
            Crop = tuning.Crop > 0 ? tuning.Crop : Accuracy(new RandomCrop(Padding)) >= usual - LargestLoss ? Padding : 0,
        };

        double Accuracy(Augmentation? change) => Evaluator.Evaluate(network, data, new EvaluationOptions
        {
            Session = new() { Threads = context.Threads },
            Augmentations = change is null ? [] : [change],
            Seed = context.Seed,
        }, cancellation: context.Cancellation).Accuracy;
    }
}
