using System.CommandLine;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi compare</c>: models side by side.</summary>
internal sealed class CompareCommand : NabiCommand
{
    private readonly Argument<string[]> _models = new("models") { Description = "Model files; the first is what the others are compared with.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _data = new("--data") { Description = "A data set to measure accuracy on." };
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => 1 }.Within(1, 256);
    private readonly Option<int> _runs = new Option<int>("--runs") { Description = "Runs of each, in turn.", DefaultValueFactory = _ => 300 }.Within(1, 1_000_000);

    public CompareCommand()
        : base("compare", "Compares models: accuracy, bytes, multiply-accumulates, peak memory, latency measured in turn.", "nabi compare model.onnx out/recommended.nabi --data cifar10")
    {
        Add(_models);
        foreach (var option in new Option[] { _data, _threads, _runs }) Add(option);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var rows = Measured.Of(Screen, Clock, arguments.GetRequiredValue(_models), arguments.GetValue(_data) is { } name ? DataSets.Find(name).Test : null,
            arguments.GetValue(_threads), arguments.GetValue(_runs), cancellation);
        Measured.Show(Screen, rows);
        Screen.Document(rows.Select(r => r.Document()));
        return CommandLine.Done;
    }
}
