using System.Globalization;
using System.Text.Json;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Bench.Peers;

/// <summary>
/// Nabi's side of a race that bench/peers drives. Says one line of JSON about itself when it is ready, then answers each line that it reads:
/// <c>run 300</c> runs for 300 milliseconds, at least once, and says the microseconds of each run; <c>output file</c> writes the first output's
/// bytes; <c>profile</c> says the time of every step as JSON; the end of the input ends it.
/// </summary>
internal sealed class Racer : IDisposable
{
    private const int Warmup = 3;

    private readonly Session _session;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _outputs;

    private Racer(Graph graph, Tensor[] inputs, int threads)
    {
        _session = new Session(graph, new SessionOptions { Threads = threads });
        _inputs = inputs;
        _outputs = _session.OutputsFor(inputs);
    }

    /// <summary>One inference of an ONNX file whose shapes are known.</summary>
    /// <param name="model">The file.</param>
    /// <param name="input">Its only input: a file of little-endian numbers.</param>
    /// <param name="threads">Threads of the session.</param>
    public static void Infer(string model, string input, int threads)
    {
        var graph = OnnxFile.Read(model);
        var given = Tensor.Empty(graph.Inputs[0].DType, graph.Inputs[0].Shape);
        File.ReadAllBytes(input).CopyTo(given.Bytes);
        using var racer = new Racer(graph, [given], threads);
        racer.Serve(new { parameters = graph.ParameterCount });
    }

    /// <summary>One training step of a network of the zoo, on the same random samples again and again: SGD with momentum 0.9, cross entropy.</summary>
    /// <param name="network">A name of the zoo.</param>
    /// <param name="options">Its size.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="batch">Samples per step.</param>
    public static void Train(string network, ModelOptions options, int threads, int batch)
    {
        var model = Zoo.Find(network).Create(options);
        var step = TrainingStep.Build(model, new TrainingOptions { BatchSize = batch, Optimizer = new Sgd { Nesterov = false, WeightDecay = 0 } });
        var rng = new Rng(1);
        var inputs = step.Graph.Inputs.Select(i =>
            i.Name == step.Targets ? Labels(i.Shape) : i.Name == step.Rate ? Tensor.Scalar(1e-5f) : i.Name == step.Number ? Tensor.Scalar(1f) : OracleCase.Sample(i, rng)).ToArray();
        using var racer = new Racer(step.Graph, inputs, threads);
        racer.Serve(new { parameters = model.ParameterCount });
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static Tensor Labels(Shape shape)
    {
        var targets = Tensor.Zeros(DType.Float32, shape);
        for (var i = 0; i < shape[0]; i++) targets.Span<float>()[i * shape[1] + i % shape[1]] = 1;
        return targets;
    }

    private void Serve(object about)
    {
        for (var i = 0; i < Warmup; i++) _session.Run(_inputs, _outputs);
        Console.WriteLine(JsonSerializer.Serialize(about));
        while (Console.ReadLine() is { } line)
        {
            var words = line.Split(' ', 2);
            Console.WriteLine(words[0] switch
            {
                "run" => Burst(TimeSpan.FromMilliseconds(int.Parse(words[1], CultureInfo.InvariantCulture))),
                "output" => Written(words[1]),
                "profile" => Profile(),
                var other => throw new NabiException($"A racer knows run, output and profile, not '{other}'."),
            });
        }
    }

    private string Burst(TimeSpan span)
    {
        var (clock, times) = (TimeProvider.System, new List<double>());
        var begin = clock.GetTimestamp();
        do
        {
            var start = clock.GetTimestamp();
            _session.Run(_inputs, _outputs);
            times.Add(clock.GetElapsedTime(start).TotalMicroseconds);
        }
        while (clock.GetElapsedTime(begin) < span);
        return string.Join(' ', times.Select(t => t.ToString("F1", CultureInfo.InvariantCulture)));
    }

    private string Written(string file)
    {
        File.WriteAllBytes(file, _outputs[0].Bytes);
        return "written";
    }

    private string Profile()
    {
        var feed = _session.Graph.Inputs.Select((input, i) => (input.Name, Data: _inputs[i])).ToDictionary(f => f.Name, f => f.Data);
        return JsonSerializer.Serialize(_session.Profile(feed, 31, TimeProvider.System).Steps.Select(s => new
        {
            name = s.Step.Name,
            kernel = s.Step.Kernel,
            microseconds = s.Median.TotalMicroseconds,
            macs = s.Step.Macs,
            bytes = s.Step.BytesMoved,
        }));
    }
}
