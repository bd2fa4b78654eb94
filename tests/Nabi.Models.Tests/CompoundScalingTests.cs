namespace Nabi.Models.Tests;

/// <summary>Tan and Le 2019, section 3.3.</summary>
public class CompoundScalingTests
{
    [Fact]
    public void One_step_about_doubles_the_cost() => Assert.Equal(2, CompoundScaling.Of(1).Cost, 0.1);

    [Theory]
    [InlineData("efficientnet-b0", 1)]
    [InlineData("efficientnet-b0", 3)]
    [InlineData("mobilenet-v2", 2)]
    public void A_scaled_network_costs_what_the_rule_says(string name, double phi)
    {
        var entry = Zoo.Find(name);
        var scaled = CompoundScaling.Of(phi);
        var graph = entry.Create(scaled.Apply(entry, new ModelOptions { IsOnlyCounted = true }));
        var ratio = (double)GraphSummary.Of(graph).Cost.Macs / entry.Count().Cost.Macs;
        // Blocks are rounded up and channels to multiples of 8, which makes networks somewhat larger.
        Assert.InRange(ratio / scaled.Cost, 0.95, 1.4);
    }

    [Fact]
    public void Released_EfficientNets_follow_the_rule()
    {
        foreach (var released in EfficientNet.Released)
        {
            var rule = CompoundScaling.Of(released.Phi);
            var tolerance = released.Phi <= 2 ? 0.05 : 0.08;
            Assert.InRange(released.Width / rule.Width, 1 - tolerance, 1 + tolerance);
            Assert.InRange(released.Depth / rule.Depth, 1 - tolerance, 1 + tolerance);
            Assert.InRange(released.Resolution / (224 * rule.Resolution), 1 - tolerance, 1 + tolerance);
        }
    }

    [Fact]
    public void Networks_without_images_are_refused() =>
        Assert.Contains("reads no images", Assert.Throws<NabiException>(() => CompoundScaling.Of(1).Apply(Zoo.Find("fc-autoencoder"))).Message);
}
