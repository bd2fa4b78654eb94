using Nabi.Ops;
using Nabi.Runtime.Planning;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>What lives at the same time lies apart, on random lifetimes and on the plans of random graphs.</summary>
public class ArenaTests
{
    [Fact]
    public void SlotsAliveTogetherNeverOverlap()
    {
        var rng = new Rng(3);
        for (var round = 0; round < 50; round++)
        {
            var slots = Enumerable.Range(0, 40).Select(i =>
            {
                var first = rng.Next(30);
                return new Slot($"s{i}", DType.UInt8, [1 + rng.Next(5000)], Layout.RowMajor, SlotHome.Arena, 1 + rng.Next(5000)) { First = first, Last = first + rng.Next(12) };
            }).ToList();
            AssertApart(slots, ArenaPacking.Pack(slots, ArenaPacking.PeakLiveBytes(slots, 42)));
        }
    }

    [Fact]
    public void PlansOfRandomGraphsKeepTheirValuesApartAndRight()
    {
        for (var seed = 1UL; seed <= 25; seed++)
        {
            var graph = RandomGraph(new Rng(seed));
            var feed = graph.Inputs.ToDictionary(i => i.Name, i => FusionTests.Random(i.Shape, seed));
            using var session = new Session(graph, new SessionOptions { Threads = 2 });
            AssertApart(session.Plan!.ArenaSlots, session.Plan.ArenaBytes);
            Assert.True(session.Plan.ArenaBytes >= session.Plan.PeakLiveBytes);
            Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        }
    }

    // Convolutions, elementwise nodes, concatenations, pools and reductions of what is there, several of them outputs.
    private static Graph RandomGraph(Rng rng)
    {
        var b = new GraphBuilder("random");
        var values = new List<Value> { b.Input("x", DType.Float32, [2, 4, 6, 5]) };
        for (var i = 0; i < 14; i++)
        {
            var (x, other) = (values[rng.Next(values.Count)], values[rng.Next(values.Count)]);
            values.Add(rng.Next(7) switch
            {
                0 => b.Conv(x, b.Parameter("w", FusionTests.Random([4, 4, 3, 3], (ulong)i)), pad: 1),
                1 => b.Conv(x, b.Parameter("w", FusionTests.Random([4, 1, 3, 3], (ulong)i)), pad: 1, group: 4),
                2 => b.Relu(x),
                3 => b.Mul(x, b.Apply(new Sigmoid(), b.Apply(new GlobalAveragePool(), other))),
                4 => b.Conv(b.Apply(new Concat(1), x, other), b.Parameter("w", FusionTests.Random([4, 8, 1, 1], (ulong)i))),
                5 => b.Apply(new MaxPool { Window = Window.Of(3, 1, 1) }, x),
                _ => b.Add(x, other),
            });
        }
        b.Output("last", values[^1]);
        b.Output("middle", values[7]);
        b.Output("sum", b.ReduceSum(values[10], [0, 2, 3]));
        return b.Build();
    }

    private static void AssertApart(IReadOnlyList<Slot> slots, long total)
    {
        for (var i = 0; i < slots.Count; i++)
        {
            Assert.InRange(slots[i].Offset, 0, total - slots[i].Bytes);
            for (var j = 0; j < i; j++)
            {
                var alive = slots[i].First <= slots[j].Last && slots[j].First <= slots[i].Last;
                var apart = slots[i].Offset + slots[i].Bytes <= slots[j].Offset || slots[j].Offset + slots[j].Bytes <= slots[i].Offset;
                Assert.True(!alive || apart, $"{slots[i]} and {slots[j]} overlap");
            }
        }
    }
}
