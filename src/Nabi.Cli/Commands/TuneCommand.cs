using System.CommandLine;
using Nabi.Formats;
using Nabi.Runtime;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi tune</c>: measures which kernels are the fastest on this machine, for sessions that are given the result.</summary>
internal sealed class TuneCommand : NabiCommand
{
    private readonly Argument<string[]> _models = new("models") { Description = "Model files.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<int> _batch = new Option<int>("--batch") { Description = "Samples in a run.", DefaultValueFactory = _ => 1 }.Within(1, 65536);
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => 1 }.Within(1, 256);
    private readonly Option<string> _output = new("--output", "-o") { Description = "The file of choices; what it holds already is kept and not measured again.", DefaultValueFactory = _ => "kernels.json" };

    public TuneCommand()
        : base("tune", "Measures which kernels are the fastest on this processor, for the shapes of models.", "nabi tune resnet18.onnx --threads 2 -o kernels.json")
    {
        Add(_models);
        foreach (var option in new Option[] { _batch, _threads, _output }) Add(option);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var path = arguments.GetRequiredValue(_output);
        var options = new SessionOptions { Threads = arguments.GetValue(_threads) };
        var choices = File.Exists(path) ? KernelChoices.Read(path) : KernelChoices.None;
        var all = new List<MeasuredShape>();
        foreach (var model in arguments.GetRequiredValue(_models))
        {
            cancellation.ThrowIfCancellationRequested();
            (choices, var measured) = choices.Measure(ModelFile.Read(model).WithBatch(arguments.GetValue(_batch)), options, Clock);
            all.AddRange(measured);
            choices.Write(path);   // what was measured is not lost if the next model is stopped
        }
        if (all.Count > 0)
        {
            Screen.Table(null, ["shape", "fastest", ">time", "usual", ">time"], all.Select(s => (IReadOnlyList<string>)
            [
                s.Shape, s.Kernels[0].Kernel, Format.Milliseconds(s.Kernels[0].Time.TotalMilliseconds),
                s.Usual, Format.Milliseconds(s.Kernels.First(k => k.Kernel == s.Usual).Time.TotalMilliseconds),
            ]));
        }
        var other = all.Count(s => s.Kernels[0].Kernel != s.Usual);
        Screen.Say($"{path}: {choices.Count} shapes, {all.Count} measured now, {other} of them faster with another kernel than the usual. Use it with nabi bench --choices.");
        Screen.Document(new
        {
            File = path,
            Shapes = choices.Count,
            Measured = all.Select(s => new { s.Shape, s.Usual, Kernels = s.Kernels.Select(k => new { k.Kernel, Ms = k.Time.TotalMilliseconds }) }),
        });
        return CommandLine.Done;
    }
}
