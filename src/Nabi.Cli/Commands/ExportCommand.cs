using System.CommandLine;
using Nabi.Formats;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi export</c>: a model in another format.</summary>
internal sealed class ExportCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file." };
    private readonly Option<string?> _to = new("--to") { Description = "onnx or nabi; by the output's extension when not given." };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "The file to write; the model's name with the new extension when not given." };

    public ExportCommand()
        : base("export", "Writes a model in another format: ONNX, or Nabi's compact file.", "nabi export model.onnx --to nabi -o model.nabi")
    {
        Add(_model);
        Add(_to);
        Add(_output);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var model = arguments.GetRequiredValue(_model);
        var extension = (arguments.GetValue(_to), arguments.GetValue(_output)) switch
        {
            (null, null) => throw new NabiException("Say what to write: --to onnx, --to nabi, or -o with an extension."),
            (null, { } path) => Path.GetExtension(path),
            ("onnx" or "nabi", _) => "." + arguments.GetValue(_to),
            ("c" or "tflite", _) => throw new NabiException($"Exporting to {arguments.GetValue(_to)} is not there yet; use onnx or nabi."),
            ({ } other, _) => throw new NabiException($"There is no format '{other}'; use onnx or nabi."),
        };
        var output = arguments.GetValue(_output) ?? Path.ChangeExtension(model, extension);
        if (Path.GetFullPath(output) == Path.GetFullPath(model)) throw new NabiException($"'{output}' is the model itself; name another file with -o.");
        if (!Path.GetExtension(output).Equals(extension, StringComparison.OrdinalIgnoreCase))
            throw new NabiException($"'{output}' does not end in {extension}; name the file accordingly.");
        ModelFile.Write(ModelFile.Read(model), output);
        var (before, after) = (new FileInfo(model).Length, new FileInfo(output).Length);
        Screen.Say($"{output}: {Format.Bytes(after)} ({model}: {Format.Bytes(before)}, {Format.Times((double)before / after)} smaller)");
        Screen.Document(new { Path = output, Bytes = after, Source = model, SourceBytes = before });
        return CommandLine.Done;
    }
}
