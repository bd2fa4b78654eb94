// Loads an ONNX file and runs it: the graph is planned for this machine once, then a session turns tensors into tensors. The sample
// pictures come from a data set, prepared as the model's metadata says. Without arguments a small network is trained on drawn digits first.
//
//     dotnet run -c Release --project samples/RunOnnx [model.onnx] [data set]

using Nabi;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

var path = args.Length > 0 ? args[0] : Path.Combine(Path.GetTempPath(), "nabi-glyphs.onnx");
var splits = DataSets.Find(args.Length > 1 ? args[1] : "glyphs");
if (args.Length == 0) TrainSmallNetwork(path, splits.Train.Take(4000));

var model = OnnxFile.Read(path);
Console.WriteLine($"{path}: {model.Inputs[0]} to {model.Outputs[0].Value}, {model.ParameterCount:N0} parameters");

using var session = new Session(model.WithBatch(1), new SessionOptions { Threads = 1 });
var loader = new BatchLoader(splits.Test, new BatchOptions
{
    BatchSize = 1,
    Shuffle = false,
    Normalization = Normalization.From(model) ?? Normalization.None(splits.Test.Channels),
});
foreach (var sample in loader.Epoch(0).Take(5))
{
    var outputs = session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { [model.Inputs[0].Name] = sample.Inputs });
    var scores = outputs[model.Outputs[0].Name].ToSingle();
    var weights = Array.ConvertAll(scores, s => Math.Exp(s - scores.Max()));
    var best = Enumerable.Range(0, scores.Length).OrderByDescending(c => scores[c]).Take(3);
    Console.WriteLine($"a picture of '{splits.Test.ClassNames[sample.Labels[0]]}' is seen as "
        + string.Join(", ", best.Select(c => $"'{splits.Test.ClassNames[c]}' {weights[c] / weights.Sum():P1}")));
}

static void TrainSmallNetwork(string path, DataSet data)
{
    var network = Zoo.Find("lenet5").Create(new ModelOptions { Width = 0.5 });
    var result = new Trainer(network, data, new TrainingOptions { Epochs = 4 }).Run();
    OnnxFile.Write(result.Model, path);
}
