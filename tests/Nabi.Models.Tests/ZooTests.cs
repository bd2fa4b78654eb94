using System.Collections.Concurrent;

namespace Nabi.Models.Tests;

public class ZooTests
{
    private static readonly ConcurrentDictionary<string, GraphSummary> FullSize = new();

    public static TheoryData<string> Names() => [.. Zoo.All.Select(e => e.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Counts_equal_the_reference(string name)
    {
        var entry = Zoo.Find(name);
        var summary = AtFullSize(entry);
        if (entry.ReferenceParameters is { } parameters) Close(entry, "parameters", parameters, summary.Parameters, 0.01);
        if (entry.ReferenceMacs is { } macs) Close(entry, "macs", macs, summary.Cost.Macs, 0.02);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Options_change_input_classes_and_width(string name)
    {
        var entry = Zoo.Find(name);
        var input = entry.Input is { Rank: 3 } image && image[1] > 64 ? Shape.Create([entry.Input[0], 64, 64]) : entry.Input;
        var graph = entry.Create(new ModelOptions { Input = input, Classes = 7, Width = 0.25 });
        Assert.Equal(entry.IsAutoencoder ? input.Count : 7, graph.Outputs[0].Value.Shape[-1]);
        Assert.Equal(input.Dims.ToArray(), graph.Inputs[0].Shape.Dims[1..].ToArray());
        Assert.True(GraphSummary.Of(graph).Parameters < AtFullSize(entry).Parameters || name == "linear");
    }

    [Fact]
    public void Equal_seeds_give_equal_weights()
    {
        var (a, b, c) = (Weights(1), Weights(1), Weights(2));
        Assert.Equal(a, b);
        Assert.NotEqual(a, c);

        static byte[] Weights(ulong seed) => Zoo.Find("lenet5").Create(new ModelOptions { Seed = seed }).Parameters[0].Data!.Bytes.ToArray();
    }

    [Fact]
    public void An_unknown_name_lists_the_nearest()
    {
        var e = Assert.Throws<NabiException>(() => Zoo.Find("resnet-99"));
        Assert.Contains("resnet20", e.Message);
    }

    [Fact]
    public void A_width_out_of_range_is_refused()
    {
        Assert.Throws<NabiException>(() => Zoo.Find("lenet5").Create(new ModelOptions { Width = 0 }));
        Assert.Throws<NabiException>(() => Zoo.Find("lenet5").Create(new ModelOptions { Input = [1, 2] }));
    }

    private static GraphSummary AtFullSize(ModelEntry entry) => FullSize.GetOrAdd(entry.Name, _ => entry.Count());

    // A stated difference is believed up to a tenth: beyond it the network is another one.
    private static void Close(ModelEntry entry, string what, long reference, long actual, double tolerance)
    {
        var difference = Math.Abs(actual - reference) / (double)reference;
        if (entry.Difference is not null) tolerance = 0.1;
        Assert.True(difference <= tolerance, $"{entry.Name} has {actual} {what}, the reference {reference}: {difference:P2} apart.");
    }
}
