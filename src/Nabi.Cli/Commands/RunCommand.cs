using System.CommandLine;
using Nabi.Formats;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi run</c>: one inference on a sample of a data set.</summary>
internal sealed class RunCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file." };
    private readonly Option<string> _data = DataArguments.Option();
    private readonly Option<int> _sample = new Option<int>("--sample") { Description = "Which sample of the test split, from 0.", DefaultValueFactory = _ => 0 }.Within(0, int.MaxValue);
    private readonly Option<int> _top = new Option<int>("--top") { Description = "How many classes to show.", DefaultValueFactory = _ => 5 }.Within(1, 1_000_000);

    public RunCommand()
        : base("run", "Runs a model once on a sample of a data set and shows the most likely classes.", "nabi run model.onnx --data fashion-mnist --sample 7")
    {
        foreach (var option in new Option[] { _data, _sample, _top }) Add(option);
        Add(_model);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var graph = ModelFile.Read(arguments.GetRequiredValue(_model));
        var test = DataSets.Find(arguments.GetRequiredValue(_data)).Test;
        var index = arguments.GetValue(_sample);
        if (index < 0 || index >= test.Count) throw new NabiException($"There is no sample {index}; the test split has {test.Count}, from 0 to {test.Count - 1}.");
        var logits = Evaluator.Logits(graph, test.Subset([index]), new EvaluationOptions { BatchSize = 1, Session = new SessionOptions { Threads = 1 } }).ToSingle();
        var probabilities = Softmax(logits);
        var labels = graph.Metadata.GetValueOrDefault(MetadataKeys.Labels)?.Split('\n') is { } own && own.Length == logits.Length ? own : test.ClassNames;
        var best = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(arguments.GetValue(_top)).ToArray();
        Screen.Say($"sample {index} of {test.Name} is '{test.ClassNames[test.Label(index)]}'");
        Screen.Table(null, [">class", "name", ">probability", ">score"], best.Select(i => (IReadOnlyList<string>)
            [$"{i}", i < labels.Count ? labels[i] : "", Format.Percent(probabilities[i]), $"{logits[i]:0.000}"]));
        Screen.Document(new { Sample = index, Label = test.Label(index), Predicted = best[0], Scores = logits, Probabilities = probabilities });
        return CommandLine.Done;
    }

    private static double[] Softmax(float[] logits)
    {
        var top = logits.Max();
        var weights = Array.ConvertAll(logits, l => Math.Exp(l - top));
        var sum = weights.Sum();
        return Array.ConvertAll(weights, w => w / sum);
    }
}
