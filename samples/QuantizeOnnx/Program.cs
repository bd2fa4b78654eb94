// Quantizes an ONNX model to int8 after training: activations are observed on calibration samples, weights are rounded per output
// channel, and the result is an ONNX file of QuantizeLinear and DequantizeLinear that any runtime reads. Both models are then measured
// as they would be deployed. Without arguments a small network is trained on drawn digits first.
//
//     dotnet run -c Release --project samples/QuantizeOnnx [model.onnx] [data set]

using Nabi.Compression;
using Nabi.Compression.Quantization;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Training;
using Nabi.Training.Data;

var path = args.Length > 0 ? args[0] : Path.Combine(Path.GetTempPath(), "nabi-glyphs.onnx");
var splits = DataSets.Find(args.Length > 1 ? args[1] : "glyphs");
if (args.Length == 0) TrainSmallNetwork(path, splits.Train.Take(4000));

var model = OnnxFile.Read(path);
var context = new CompressionContext { Calibration = splits.Train, Validation = splits.Test };
var quantized = new QuantizeInt8 { Observer = "mse", Samples = 256 }.Apply(model, context);
foreach (var layer in context.Notes.Layers)
    Console.WriteLine($"  {layer.Node,-24} {layer.Op,-8} {layer.Sqnr,6:0.0} dB{(layer.KeptInFloat is { } why ? $"  in float: {why}" : "")}");

var output = Path.Combine(Path.GetDirectoryName(path)!, Path.GetFileNameWithoutExtension(path) + "-int8.onnx");
OnnxFile.Write(quantized, output);

foreach (var file in new[] { path, output })
{
    var evaluation = Evaluator.Evaluate(OnnxFile.Read(file), splits.Test);
    Console.WriteLine($"{file}: {new FileInfo(file).Length:N0} bytes, accuracy {evaluation.Accuracy:P2}, loss {evaluation.Loss:0.0000}");
}

static void TrainSmallNetwork(string path, DataSet data)
{
    var network = Zoo.Find("lenet5").Create(new ModelOptions { Width = 0.5 });
    var result = new Trainer(network, data, new TrainingOptions { Epochs = 4 }).Run();
    OnnxFile.Write(result.Model, path);
}
