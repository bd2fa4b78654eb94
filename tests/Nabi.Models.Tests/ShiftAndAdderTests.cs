using Nabi.Ops;

namespace Nabi.Models.Tests;

/// <summary>What the families with shifts and additions claim of themselves.</summary>
public class ShiftAndAdderTests
{
    // Chen et al. 2020, table 2: 82.34 M additions, the first and last layer's 0.9 M among them.
    [Fact]
    public void AdderNet_adds_as_often_as_the_paper_counts_and_multiplies_at_its_ends_only()
    {
        var layers = Zoo.Find("addernet-resnet20").Count().Layers;
        var additions = layers.Where(l => l.Operator == nameof(AdderConv)).Sum(l => l.Cost.Operations);
        Assert.InRange(additions, 0.98 * 82.34e6, 82.34e6);
        Assert.Equal(2, layers.Count(l => l.Cost.Macs > 0));
    }

    [Theory]
    [InlineData("shiftnet-a")]
    [InlineData("shiftnet-c")]
    [InlineData("addressnet-20")]
    public void Behind_the_stem_no_convolution_is_wider_than_a_pixel(string name)
    {
        var graph = Zoo.Find(name).Create(new ModelOptions { Width = 0.25 });
        var kernels = graph.Nodes.Where(n => n.Op is Conv).Skip(1).Select(n => n.Inputs[1]!.Shape.CountOf(2, 4));
        Assert.All(kernels, k => Assert.Equal(1, k));
        Assert.Contains(graph.Nodes, n => n.Op is Shift);
    }

    [Fact]
    public void The_address_shift_has_no_diagonals_and_no_sum_joins_a_shortcut()
    {
        var graph = Zoo.Find("addressnet-20").Create();
        foreach (var shift in graph.Nodes.Select(n => n.Op).OfType<Shift>())
            for (var c = 0; c < shift.Vertical.Count; c++) Assert.Equal(1, Math.Abs(shift.Vertical[c]) + Math.Abs(shift.Horizontal[c]));
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Add);
    }
}
