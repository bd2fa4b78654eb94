using Nabi.Runtime;

namespace Nabi.Models.Tests;

/// <summary>What a run of the zoo's networks costs beside time: managed memory and the arena.</summary>
public class ZooPlanTests
{
    // Times the bytes that must be alive at once: the gaps that packing leaves are at most a twentieth.
    private const double LargestArena = 1.05;

    public static TheoryData<string> Names() =>
    [
        "mobilenet-v1", "mobilenet-v2", "mobilenet-v3-large", "resnet18", "resnet50", "squeezenet-1.1", "shufflenet-v2-1.0", "efficientnet-b0", "resnet8",
        "ds-cnn", "deit-tiny",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_run_allocates_nothing(string name)
    {
        var entry = Zoo.Find(name);
        var input = entry.Input[1] > 64 ? Shape.Create([3, 64, 64]) : entry.Input;
        using var session = new Session(entry.Create(new ModelOptions { Input = input, Width = 0.25 }), new SessionOptions { Threads = 2 });
        Tensor[] inputs = [Tensor.Full(Shape.Create([1, .. input.Dims]), 0.5f)];
        var outputs = session.OutputsFor(inputs);
        for (var i = 0; i < 3; i++) session.Run(inputs, outputs);
        var before = GC.GetAllocatedBytesForCurrentThread();
        session.Run(inputs, outputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_arena_is_hardly_larger_than_what_must_be_alive(string name)
    {
        var entry = Zoo.Find(name);
        using var session = new Session(entry.Create(new ModelOptions { IsOnlyCounted = true }), new SessionOptions { Threads = 1 });
        var plan = session.PlanFor(Shape.Create([1, .. entry.Input.Dims]))!;
        Assert.True(plan.ArenaBytes <= LargestArena * plan.PeakLiveBytes, $"{name}: an arena of {plan.ArenaBytes} bytes for {plan.PeakLiveBytes} alive at once.");
    }
}
