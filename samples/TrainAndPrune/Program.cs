// Trains a network of the zoo on drawn digits, removes the channels that matter least until 40 % of the multiply-accumulates are left,
// and fine-tunes what remains with the trained network as teacher. Removing channels changes the shapes of everything coupled to them,
// so the result is an ordinary, smaller network: fewer operations on every machine, no sparse kernels.
//
//     dotnet run -c Release --project samples/TrainAndPrune [network of the zoo] [criterion: l1, l2, fpgm, taylor, ...]

using Nabi;
using Nabi.Compression;
using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Training;
using Nabi.Training.Data;

var splits = DataSets.Find("glyphs");
var (train, validation) = splits.WithValidation(fraction: 0.1);
train = train.Take(4000);

var network = Zoo.Find(args.Length > 0 ? args[0] : "lenet5").Create(new ModelOptions
{
    Width = 0.5,
    Input = train.SampleShape,
    Classes = train.ClassNames.Count,
});
var trained = new Trainer(network, train, new TrainingOptions { Epochs = 3 }).Run().Model;
Show("trained", trained);

var context = new CompressionContext { Training = train, Validation = validation, Teacher = trained };
var pruned = new PruneChannels { Criterion = args.Length > 1 ? args[1] : "l1", KeepMacs = 0.4 }.Apply(trained, context);
Show("pruned", pruned);

var tuned = new FineTune { Epochs = 3 }.Apply(pruned, context);
Show("fine-tuned", tuned);
foreach (var note in context.Notes.Lines) Console.WriteLine(note);

var path = Path.Combine(Path.GetTempPath(), "nabi-pruned.onnx");
OnnxFile.Write(tuned, path);
Console.WriteLine($"written to {path}");

void Show(string name, Graph graph)
{
    var summary = GraphSummary.Of(graph);
    var evaluation = Evaluator.Evaluate(graph, splits.Test);
    Console.WriteLine($"{name,-10} {summary.Parameters,9:N0} parameters {summary.Cost.Macs,11:N0} MACs  accuracy {evaluation.Accuracy:P2}");
}
