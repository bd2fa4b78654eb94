using System.CommandLine;
using Nabi.Formats;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi inspect</c>: a model in numbers.</summary>
internal sealed class InspectCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file: .onnx, .nabi or .tflite." };
    private readonly Option<bool> _graph = new("--graph") { Description = "Print every value and node instead of the table." };

    public InspectCommand()
        : base("inspect", "Shows a model's layers, shapes, parameters, multiply-accumulates and peak activation memory, for one sample.", "nabi inspect model.onnx")
    {
        Add(_model);
        Add(_graph);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var path = arguments.GetRequiredValue(_model);
        var graph = ModelFile.Read(path);
        if (arguments.GetValue(_graph)) Screen.Say(graph.ToString());
        if (Verifier.FirstNonFinite(graph) is { } fault) Screen.Note($"warning: {fault}");
        var summary = GraphSummary.Of(graph);
        var bytes = new FileInfo(path).Length;
        if (!arguments.GetValue(_graph)) Show(path, graph, summary, bytes);
        Screen.Document(new
        {
            Model = path,
            Bytes = bytes,
            summary.Parameters,
            summary.Cost.Macs,
            Flops = 2 * summary.Cost.Macs,
            summary.PeakActivationBytes,
            Inputs = graph.Inputs.Select(i => new { i.Name, Type = i.DType, Shape = i.Shape.Dims.ToArray() }),
            Outputs = graph.Outputs.Select(o => new { o.Name, Type = o.Value.DType, Shape = o.Value.Shape.Dims.ToArray() }),
            graph.Metadata,
            Layers = summary.Layers.Select(l => new
            {
                l.Name, l.Operator, OutputShape = l.OutputShape.Dims.ToArray(), l.Parameters, l.ParameterBytes,
                l.Cost.Macs, l.Cost.BytesRead, l.Cost.BytesWritten,
            }),
        });
        return CommandLine.Done;
    }

    private void Show(string path, Graph graph, GraphSummary summary, long bytes)
    {
        Screen.Say($"{path}: {graph.Name}, {Format.Bytes(bytes)}");
        foreach (var input in graph.Inputs) Screen.Say($"  input  {input.Name}: {input.Type}");
        foreach (var output in graph.Outputs) Screen.Say($"  output {output.Name}: {output.Value.Type}");
        Screen.Table(null, ["layer", "operator", "output", ">parameters", ">MACs", ">read", ">written"], summary.Layers.Select(l => (IReadOnlyList<string>)
        [
            l.Name, l.Operator, l.OutputShape.ToString(), l.Parameters == 0 ? "" : Format.Count(l.Parameters), l.Cost.Macs == 0 ? "" : Format.Count(l.Cost.Macs),
            Format.Bytes(l.Cost.BytesRead), Format.Bytes(l.Cost.BytesWritten),
        ]));
        Screen.Say($"{Format.Count(summary.Parameters)} parameters, {Format.Count(summary.Cost.Macs)} MACs ({Format.Count(2 * summary.Cost.Macs)} FLOPs), "
            + $"peak activations {Format.Bytes(summary.PeakActivationBytes)}");
    }
}
