using Nabi.Compression.Quantization;
using Nabi.Compression.Quantization.Quantizers;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>All methods of training on few levels with the same training.</summary>
internal sealed class QuantizersClaim : Claim
{
    private const int Samples = 12_000;
    private const int Epochs = 4;

    public override string Name => "quantizers";

    public override string Paper => "Esser et al. 2020, table 1; Jung et al. 2019, table 1; Choi et al. 2018, table 3; Zhou et al. 2016, table 2; Jacob et al. 2018, table 4.1";

    public override string Statement => "With learned steps, intervals or clipping levels 4 bits cost little; at 2 bits what is learned beats fixed ranges clearly.";

    public override void Run(ClaimRun run)
    {
        run.Say($"ResNet-8 at half width on Fashion-MNIST, 3 epochs in float; then `train-quantized` for {Epochs} epochs on {Samples:N0} of the training samples at rate 0.02, distilled from the float network. First and last layer 8 bits. Accuracy of the deployed network.");
        run.Head(["bits", "float", .. Quantizer.Names]);
        var data = run.Data("fashion-mnist");
        var rows = new[] { 4, 2 }.ToDictionary(b => b, _ => Quantizer.Names.ToDictionary(n => n, _ => new List<double>()));
        var exact = new List<double>();
        foreach (var seed in run.Seeds)
        {
            var original = run.Trained("resnet8", "fashion-mnist", new TrainingOptions { Epochs = 3, BatchSize = 64, LearningRate = 0.1, Seed = seed }, 0.5);
            exact.Add(run.Accuracy(original, "fashion-mnist"));
            var context = run.Context("fashion-mnist", seed, original) with { Training = data.Train.Take(Samples) };
            foreach (var (bits, row) in rows)
            {
                foreach (var (name, found) in row)
                {
                    var step = new TrainQuantized { Weights = name, Activations = name, WeightBits = bits, ActivationBits = bits, Epochs = Epochs, Rate = 0.02 };
                    found.Add(run.Accuracy(step.Apply(original, context), "fashion-mnist"));
                    ClaimRun.Progress($"seed {seed}, {bits} bits, {name}: {ClaimRun.Percent(found[^1])}");
                }
            }
        }
        foreach (var (bits, row) in rows) run.Row([$"{bits}", ClaimRun.Percent(exact), .. row.Values.Select(ClaimRun.Percent)]);
    }
}
