using Nabi.Compression.Search;

namespace Nabi.Compression.Tests.Search;

public class LearningCurveTests
{
    [Fact]
    public void What_is_missing_halves_with_four_times_the_samples()
    {
        Assert.Equal(0.04, new LearningCurve { Exponent = 0.5 }.Predict((1000, 0.08), 4000), 1e-12);
        Assert.Equal(0.08, new LearningCurve().Predict((1000, 0.08), 500), 1e-12);
        Assert.Equal(0, new LearningCurve().Predict((1000, -0.01), 4000));
    }

    [Fact]
    public void It_goes_through_two_measurements_of_a_network()
    {
        var curve = new LearningCurve().Learn((1000, 0.09), (8000, 0.03));
        Assert.Equal(0.03, curve.Predict((1000, 0.09), 8000), 1e-12);
        Assert.True(curve.Predict((1000, 0.09), 16000) < 0.03);
    }

    [Fact]
    public void Noise_and_a_training_without_gain_say_little()
    {
        var curve = new LearningCurve();
        Assert.Equal(curve, curve.Learn((1000, 0.001), (8000, 0.02)));
        Assert.Equal(curve, curve.Learn((1000, 0.05), (1000, 0.02)));
        Assert.Equal(0.05, curve.Learn((1000, 0.05), (8000, 0.06)).Exponent);
        Assert.Equal(1, curve.Learn((1000, 0.3), (2000, -0.01)).Exponent);
    }
}
