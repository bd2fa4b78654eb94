namespace Nabi.Models;

/// <summary>
/// The dense autoencoder of the MLPerf Tiny anomaly detection benchmark (Banbury et al. 2021, "MLPerf Tiny Benchmark", section 4.4; baseline of
/// Koizumi et al. 2020, DCASE task 2): 640 - 4 x 128 - 8 - 4 x 128 - 640, batch normalization and ReLU between. What it cannot reconstruct is not normal:
/// the score of a sample is its mean squared error. Its output has the size of its input, so that the number of classes means nothing.
/// Weights are uniform in +-1/sqrt(features) (the reference's are Glorot's).
/// </summary>
public sealed class Autoencoder : ModelFamily
{
    private static readonly int[] Hidden = [128, 128, 128, 128, 8, 128, 128, 128, 128];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("fc-autoencoder", "Banbury et al. 2021, MLPerf Tiny Benchmark (anomaly detection)", [640], 640, "eight numbers in the middle", Build)
        {
            // The reference's trainable parameters: 265,864 weights and biases, and a scale and a shift for each of 1,032 hidden units.
            ReferenceParameters = 267_928, ReferenceMacs = 264_192, IsAutoencoder = true,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("fc-autoencoder", options);
        var x = network.Input(options.Input!);
        for (var i = 0; i < Hidden.Length; i++)
            x = x.Dense(Channels.Scaled(Hidden[i], options.Width), $"fc{i + 1}").BatchNorm($"bn{i + 1}").Relu();
        return network.Finish(x.Dense(options.Input!.Count, $"fc{Hidden.Length + 1}"));
    }
}
