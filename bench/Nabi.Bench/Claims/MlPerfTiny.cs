using Nabi.Compression.Quantization;
using Nabi.Formats;
using Nabi.Passes;
using Nabi.Training.Data;

namespace Nabi.Bench.Claims;

/// <summary>The reference models of MLPerf Tiny: the int8 files that come with them against the float files quantized here.</summary>
internal sealed class MlPerfTiny : Claim
{
    private const int Samples = 256;

    public override string Name => "mlperf-tiny";

    public override string Paper => "Banbury et al. 2021, MLPerf Tiny Benchmark, section 4: reference models and quality targets";

    public override string Statement => "Int8 keeps the accuracy of the float reference models: at least 85 % for image classification (ResNet-8), 90 % for keyword spotting (DS-CNN).";

    public override void Run(ClaimRun run)
    {
        run.Say($"Post-training quantization (quantize-int8) with {Samples} samples and each observer of activations. Images: calibrated on the first exact CIFAR-10 training images, measured on the 200 of the "
            + "benchmark. Keywords: no others being there, calibrated on the first of the 1,000 samples that are measured, without their labels. The small float keyword file has 8-bit weights, which are "
            + "made floats first. All of it runs on Nabi's kernels.");
        var keywords = run.Data("kws01");
        Measure(run, "keywords, DS-CNN", "kws01", "kws_ref_model_float32", "kws_ref_model", keywords.Train, [.. Observer.Names]);
        var images = Near(run.Data("ic01"), "cifar10", "lossless_train_first4000.bin.gz");
        if (images is null) return;
        var training = DataSets.Find(images).Train;
        Measure(run, "images, ResNet-8", "ic01", "pretrainedResnet", "pretrainedResnet_quant", training, [.. Observer.Names]);
        Measure(run, "images, wider ResNet-8", "ic01", "pretrainedResnet_large_float", "pretrainedResnet_large_int8", training, [new QuantizeInt8().Observer]);
    }

    private static void Measure(ClaimRun run, string what, string data, string floats, string integers, DataSet calibration, string[] observers)
    {
        if (Near(run.Data(data), "..", "models", "mlperf_tiny", floats + ".tflite") is not { } path) return;
        var original = ModelFile.Read(path);
        // Raw pixels are what the float files want, which they do not say.
        var pixels = run.Data(data).Test.IsBytes ? Normalization.RawBytes(run.Data(data).Test.Channels) : Normalization.None(run.Data(data).Test.Channels);
        original = original.WithMetadata(pixels.Describe(original.Metadata, run.Data(data).Test));
        var model = FoldConstants.WithDequantized.Apply(original);
        run.Head(what, "accuracy", ".nabi bytes");
        Row("float file", original);
        Row("TensorFlow Lite's int8 file", ModelFile.Read(Path.Combine(Path.GetDirectoryName(path)!, integers + ".tflite")));
        var context = run.Context(data, 1) with { Calibration = calibration.Take(Samples) };
        foreach (var observer in observers) Row($"quantize-int8, {observer}", new QuantizeInt8 { Observer = observer, Samples = Samples }.Apply(model, context));

        void Row(string name, Graph graph) => run.Row(name, ClaimRun.Percent(run.Accuracy(graph, data)), $"{NabiFile.Write(graph).Length:N0}");
    }

    // A file beside the data that was found; null where it is not on this machine.
    private static string? Near(DataSplits data, params string[] parts)
    {
        var path = Path.GetFullPath(Path.Combine([Path.GetDirectoryName(data.Location)!, "..", .. parts]));
        if (File.Exists(path)) return path;
        ClaimRun.Progress($"{path} is not there; what needs it is left out");
        return null;
    }
}
