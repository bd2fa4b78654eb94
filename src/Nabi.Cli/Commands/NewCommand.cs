using System.CommandLine;
using Nabi.Formats;
using Nabi.Models;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi new</c>: an untrained network of the zoo as a file.</summary>
internal sealed class NewCommand : NabiCommand
{
    private readonly Argument<string> _architecture = new("architecture") { Description = "A name from 'nabi models'." };
    private readonly Option<double> _width = new("--width") { Description = "Multiplies the channels of every layer.", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _depth = new("--depth") { Description = "Multiplies the blocks of every stage, in families that have stages.", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _compound = new("--compound")
    {
        Description = "Scales width, depth and image size together: 1 about doubles the MACs (EfficientNet's compound scaling).", DefaultValueFactory = _ => 0,
    };
    private readonly Option<string?> _input = new("--input") { Description = "The shape of one sample, for images channels x height x width: 1x28x28; the paper's when not given." };
    private readonly Option<int?> _classes = new Option<int?>("--classes") { Description = "Classes at the output; the paper's when not given." }.Within(1, 1_000_000);
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the initial weights.", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "The file to write; <architecture>.onnx when not given." };

    public NewCommand()
        : base("new", "Writes an untrained network of the zoo.", "nabi new mobilenet-v2 --width 0.5 --input 1x28x28 --classes 10 -o net.onnx")
    {
        Add(_architecture);
        Add(_width);
        Add(_depth);
        Add(_compound);
        Add(_input);
        Add(_classes);
        Add(_seed);
        Add(_output);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var entry = Zoo.Find(arguments.GetRequiredValue(_architecture));
        var options = new ModelOptions
        {
            Width = arguments.GetValue(_width),
            Depth = arguments.GetValue(_depth),
            Input = arguments.GetValue(_input) is { } text ? ParseShape(text) : null,
            Classes = arguments.GetValue(_classes),
            Seed = arguments.GetValue(_seed),
        };
        var phi = arguments.GetValue(_compound);
        var graph = entry.Create(phi == 0 ? options : CompoundScaling.Of(phi).Apply(entry, options));
        var path = arguments.GetValue(_output) ?? $"{entry.Name}.onnx";
        ModelFile.Write(graph, path);
        var summary = GraphSummary.Of(graph);
        var bytes = new FileInfo(path).Length;
        Screen.Say($"{path}: {Format.Count(summary.Parameters)} parameters, {Format.Count(summary.Cost.Macs)} MACs, {Format.Bytes(bytes)}");
        Screen.Document(new { Path = path, entry.Name, summary.Parameters, summary.Cost.Macs, Bytes = bytes });
        return CommandLine.Done;
    }

    /// <summary>Reads <c>3x32x32</c>.</summary>
    internal static Shape ParseShape(string text)
    {
        var parts = text.Split('x', 'X');
        return Array.TrueForAll(parts, p => int.TryParse(p, out var n) && n > 0)
            ? Shape.Create(Array.ConvertAll(parts, int.Parse))
            : throw new NabiException($"'{text}' is not a shape; write channels x height x width, for example 3x32x32.");
    }
}
