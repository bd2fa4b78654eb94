using Nabi.Ops;
using Nabi.Runtime.Tests.Planning;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Recurrent layers of sizes around a register against the reference.</summary>
public class RecurrentLayerTests
{
    public static TheoryData<string, int, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int, int>();
            foreach (var cell in (string[])["rnn", "gru", "gru after", "lstm"])
                foreach (var hidden in (int[])[1, 4, 15, 17, 33, 48])
                    data.Add(cell, hidden, hidden % 2 == 0 ? 1 : 3);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void LayerGivesWhatTheReferenceGives(string cell, int hidden, int batch)
    {
        const int steps = 5, inputs = 7;
        RecurrentOp op = cell switch
        {
            "rnn" => new RNN { Direction = RecurrentDirection.Bidirectional },
            "gru" => new GRU { Direction = RecurrentDirection.Bidirectional },
            "gru after" => new GRU { LinearBeforeReset = true, Direction = RecurrentDirection.Bidirectional },
            _ => new LSTM { Direction = RecurrentDirection.Bidirectional },
        };
        var rows = hidden * (op is RNN ? 1 : op is GRU ? 3 : 4);
        var b = new GraphBuilder("layer");
        Value Weights(string name, int seed, params int[] shape) => b.Parameter(name, FusionTests.Random(Shape.Create(shape), (ulong)seed));
        var x = b.Input("x", DType.Float32, [steps, batch, inputs]);
        Value?[] given = [x, Weights("w", 1, 2, rows, inputs), Weights("r", 2, 2, rows, hidden), Weights("b", 3, 2, 2 * rows), null, Weights("h", 4, 2, batch, hidden)];
        if (op is LSTM) given = [.. given, Weights("c", 5, 2, batch, hidden)];
        var outputs = b.ApplyAll(op, op is LSTM ? 3 : 2, given);
        for (var i = 0; i < outputs.Count; i++) b.Output($"y{i}", outputs[i]);
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([steps, batch, inputs], 6) };
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-5);
        Assert.Contains(session.Plan!.Steps, s => s.Kernel == $"recurrent.{op.Name}");
        Assert.Empty(session.Plan.ReferenceKernels);
    }
}
