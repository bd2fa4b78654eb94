using System.CommandLine;
using Nabi.Formats;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi eval</c>: accuracy of a model file.</summary>
internal sealed class EvalCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file." };
    private readonly Option<string> _data = DataArguments.Option();
    private readonly Option<string> _split = new("--split") { Description = "test or train.", DefaultValueFactory = _ => "test" };
    private readonly Option<int?> _limit = new Option<int?>("--limit") { Description = "Measure only the first samples." }.Within(1, int.MaxValue);
    private readonly Option<int> _batch = new Option<int>("--batch") { Description = "Samples in a run.", DefaultValueFactory = _ => 100 }.Within(1, 65536);
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => Environment.ProcessorCount }.Within(1, 256);
    private readonly NormalizationArguments _normalization = new();
    private readonly Option<string?> _against = new("--against") { Description = "Another model: the share of samples on which both predict the same class." };
    private readonly Option<bool> _reference = new("--reference") { Description = "Run the reference evaluation instead of kernels: slow, for comparison." };

    public EvalCommand()
        : base("eval", "Measures accuracy and loss of a model on a data set, as the model is deployed.", "nabi eval model.onnx --data cifar10")
    {
        Add(_model);
        foreach (var option in new Option[] { _data, _split, _limit, _batch, _threads, _against, _reference }) Add(option);
        _normalization.AddTo(this);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var graph = ModelFile.Read(arguments.GetRequiredValue(_model));
        var splits = DataSets.Find(arguments.GetRequiredValue(_data));
        var data = arguments.GetRequiredValue(_split) switch
        {
            "test" => splits.Test,
            "train" => splits.Train,
            var other => throw new NabiException($"There is no split '{other}'; use test or train."),
        };
        if (arguments.GetValue(_limit) is { } limit) data = data.Take(limit);
        var options = new EvaluationOptions
        {
            BatchSize = arguments.GetValue(_batch),
            Normalization = _normalization.Of(arguments),
            Session = new SessionOptions { Threads = arguments.GetValue(_threads), Reference = arguments.GetValue(_reference) },
        };
        var evaluation = Progresses.Evaluate(Screen, Clock, graph, data, cancellation, options);
        double? agreement = arguments.GetValue(_against) is { } other2
            ? evaluation.AgreementWith(Progresses.Evaluate(Screen, Clock, ModelFile.Read(other2), data, cancellation, options))
            : null;
        Screen.Say($"accuracy {Format.Percent(evaluation.Accuracy)}, top 5 {Format.Percent(evaluation.Top5Accuracy)}, loss {evaluation.Loss:0.0000}, "
            + $"{evaluation.Samples} samples in {evaluation.Seconds:0.00} s" + (agreement is { } share ? $", same class as the other model {Format.Percent(share)}" : ""));
        Screen.Document(new { evaluation.Accuracy, evaluation.Top5Accuracy, evaluation.Loss, evaluation.Samples, evaluation.Seconds, Agreement = agreement });
        return CommandLine.Done;
    }
}
