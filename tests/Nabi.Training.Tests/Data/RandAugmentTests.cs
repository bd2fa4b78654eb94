using Nabi.Training.Data.Augmentations;

namespace Nabi.Training.Tests.Data;

/// <summary>Cubuk et al. 2020.</summary>
public class RandAugmentTests
{
    [Fact]
    public void A_larger_magnitude_changes_images_more()
    {
        var changes = new[] { 2.0, 6, 10, 15 }.Select(Change).ToArray();
        for (var i = 1; i < changes.Length; i++) Assert.True(changes[i] > changes[i - 1], string.Join(' ', changes));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Values_stay_between_black_and_white(int channels)
    {
        var image = Picture(channels);
        var rng = new Rng(5);
        for (var i = 0; i < 200; i++) new RandAugment(2, 30).Apply(image, rng);
        for (var c = 0; c < channels; c++)
            foreach (var p in image.Plane(c)) Assert.InRange(p, image.Black(c) - 1e-5f, image.White(c) + 1e-5f);
    }

    [Fact]
    public void Contrast_is_stretched_and_levels_are_equalized()
    {
        var image = new AugmentedImage([1, 2, 4], [-1], [3]);
        float[] levels = [0, 0, 0, 0, 0.25f, 0.25f, 0.5f, 1];
        levels.CopyTo(image.Pixels);
        RandAugment.AutoContrast(image);
        Assert.Equal([-1, -1, -1, -1, 0, 0, 1, 3], image.Pixels.ToArray());
        // The share of darker pixels, of those that are not the lightest: 0, 4/7, 6/7 and 1.
        RandAugment.Equalize(image);
        Assert.Equal([-1, -1, -1, -1, -1 + 16f / 7, -1 + 16f / 7, -1 + 24f / 7, 3], image.Pixels.ToArray(), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void A_quarter_turn_turns()
    {
        var image = new AugmentedImage([1, 3, 3], [0], [9]);
        for (var i = 0; i < 9; i++) image.Pixels[i] = i + 1;
        image.Warp(0, -1, 1, 0);
        Assert.Equal([3, 6, 9, 2, 5, 8, 1, 4, 7], image.Pixels.ToArray());
    }

    [Fact]
    public void Strengths_out_of_range_are_refused() =>
        Assert.Contains("magnitude", Assert.Throws<NabiException>(() => new RandAugment(2, 31).Apply(Picture(1), new Rng(1))).Message);

    private static double Change(double magnitude)
    {
        var (sum, rng) = (0.0, new Rng(1));
        for (var i = 0; i < 300; i++)
        {
            var image = Picture(3);
            var before = image.Pixels.ToArray();
            new RandAugment(2, magnitude).Apply(image, rng);
            for (var j = 0; j < before.Length; j++) sum += Math.Abs(before[j] - image.Pixels[j]);
        }
        return sum;
    }

    private static AugmentedImage Picture(int channels)
    {
        var image = new AugmentedImage([channels, 8, 8], [-1, -2, -1.5f], [2, 1, 1.5f]);
        var rng = new Rng(2);
        for (var c = 0; c < channels; c++)
            foreach (ref var p in image.Plane(c)) p = image.Black(c) + rng.NextSingle() * (image.White(c) - image.Black(c));
        return image;
    }
}
