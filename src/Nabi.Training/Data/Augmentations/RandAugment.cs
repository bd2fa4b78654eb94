namespace Nabi.Training.Data.Augmentations;

/// <summary>
/// RandAugment: Cubuk et al. 2020, "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", section 3: <paramref name="Layers"/> changes
/// drawn from fourteen, each as strong as one common magnitude says. Identity, auto contrast, equalize, posterize and solarize; brightness, color, contrast
/// and sharpness changed by a factor of 1 +- 0.9 m; rotation by 30 m degrees, shear by 0.3 m, translation by 150/331 m of the image, each to either side, where
/// m = Magnitude / 10 (AutoAugment's ranges: Cubuk et al. 2019, table 6). Levels are those of bytes: 0 is black, 255 white.
/// </summary>
/// <param name="Layers">Changes of an image, one after the other. Default 2. Range 1 to 16.</param>
/// <param name="Magnitude">Strength, 0 to 30, where 10 is the largest of AutoAugment. Default 9.</param>
public sealed record RandAugment(int Layers = 2, double Magnitude = 9) : Augmentation
{
    private const int Levels = 256;

    private static readonly Action<AugmentedImage, double, Rng>[] Changes =
    [
        (_, _, _) => { }, (image, _, _) => AutoContrast(image), (image, _, _) => Equalize(image), Posterize, Solarize, Brightness, Color, Contrast, Sharpness,
        (image, m, rng) => Rotate(image, Signed(m * Math.PI / 6, rng)),
        (image, m, rng) => image.Warp(1, Signed(0.3 * m, rng), 0, 1),
        (image, m, rng) => image.Warp(1, 0, Signed(0.3 * m, rng), 1),
        (image, m, rng) => image.Shift((int)Math.Round(Signed(150.0 / 331 * m, rng) * image.Width), 0),
        (image, m, rng) => image.Shift(0, (int)Math.Round(Signed(150.0 / 331 * m, rng) * image.Height)),
    ];

    /// <inheritdoc/>
    public override void Apply(AugmentedImage image, Rng rng)
    {
        if (Layers is < 1 or > 16 || Magnitude is not (>= 0 and <= 30))
            throw new NabiException($"RandAugment with {Layers} layers of magnitude {Magnitude} is not possible; use 1 to 16 layers and a magnitude of 0 to 30.");
        for (var i = 0; i < Layers; i++) Changes[rng.Next(Changes.Length)](image, Magnitude / 10, rng);
    }

    private static double Signed(double value, Rng rng) => rng.Next(2) == 0 ? value : -value;

    private static float Factor(double m, Rng rng) => (float)Math.Max(0, 1 + Signed(0.9 * m, rng));

    private static void Rotate(AugmentedImage image, double angle) => image.Warp(Math.Cos(angle), -Math.Sin(angle), Math.Sin(angle), Math.Cos(angle));

    // Darkest to black, lightest to white, per channel.
    internal static void AutoContrast(AugmentedImage image)
    {
        for (var c = 0; c < image.Channels; c++)
        {
            var plane = image.Plane(c);
            var (low, high) = (float.PositiveInfinity, float.NegativeInfinity);
            foreach (var p in plane) (low, high) = (Math.Min(low, p), Math.Max(high, p));
            if (high <= low) continue;
            var scale = (image.White(c) - image.Black(c)) / (high - low);
            foreach (ref var p in plane) p = image.Black(c) + (p - low) * scale;
        }
    }

    // Every level becomes the share of pixels below it, per channel: the histogram becomes flat.
    internal static void Equalize(AugmentedImage image)
    {
        Span<int> below = stackalloc int[Levels + 1];
        for (var c = 0; c < image.Channels; c++)
        {
            var plane = image.Plane(c);
            below.Clear();
            foreach (var p in plane) below[Level(image, c, p) + 1]++;
            var last = Levels;
            while (below[last] == 0) last--;
            var spread = plane.Length - below[last];
            if (spread == 0) continue;
            for (var level = 1; level <= Levels; level++) below[level] += below[level - 1];
            foreach (ref var p in plane) p = Value(image, c, Math.Min(1, (float)below[Level(image, c, p)] / spread));
        }
    }

    // Keeps 8 - 4 m bits.
    private static void Posterize(AugmentedImage image, double m, Rng rng)
    {
        var mask = -1 << Math.Min(7, (int)Math.Round(4 * m));
        for (var c = 0; c < image.Channels; c++)
            foreach (ref var p in image.Plane(c)) p = Value(image, c, (Level(image, c, p) & mask) / (Levels - 1f));
    }

    // Inverts what is as light as a threshold, which falls from white to black.
    private static void Solarize(AugmentedImage image, double m, Rng rng)
    {
        var threshold = Math.Max(0, (1 - m) * Levels);
        for (var c = 0; c < image.Channels; c++)
            foreach (ref var p in image.Plane(c))
                if (Level(image, c, p) >= threshold) p = image.Black(c) + image.White(c) - p;
    }

    private static void Brightness(AugmentedImage image, double m, Rng rng)
    {
        var factor = Factor(m, rng);
        for (var c = 0; c < image.Channels; c++)
            foreach (ref var p in image.Plane(c)) p = Clamped(image, c, image.Black(c) + factor * (p - image.Black(c)));
    }

    // Away from or towards the mean grey.
    private static void Contrast(AugmentedImage image, double m, Rng rng)
    {
        var factor = Factor(m, rng);
        for (var c = 0; c < image.Channels; c++)
        {
            var plane = image.Plane(c);
            var sum = 0.0;
            foreach (var p in plane) sum += p;
            var mean = (float)(sum / plane.Length);
            foreach (ref var p in plane) p = Clamped(image, c, mean + factor * (p - mean));
        }
    }

    // Away from or towards each pixel's own grey (BT.601 luma); only red, green and blue have color.
    private static void Color(AugmentedImage image, double m, Rng rng)
    {
        var factor = Factor(m, rng);
        if (image.Channels != 3) return;
        var red = image.Plane(0);
        var green = image.Plane(1);
        var blue = image.Plane(2);
        for (var i = 0; i < red.Length; i++)
        {
            var grey = 0.299f * Unit(image, 0, red[i]) + 0.587f * Unit(image, 1, green[i]) + 0.114f * Unit(image, 2, blue[i]);
            red[i] = Value(image, 0, grey + factor * (Unit(image, 0, red[i]) - grey));
            green[i] = Value(image, 1, grey + factor * (Unit(image, 1, green[i]) - grey));
            blue[i] = Value(image, 2, grey + factor * (Unit(image, 2, blue[i]) - grey));
        }
    }

    // Away from or towards a smoothed image: 3x3 with 5 in the middle and 1 around, over 13; the border stays.
    private static void Sharpness(AugmentedImage image, double m, Rng rng)
    {
        var (factor, width) = (Factor(m, rng), image.Width);
        var (before, now) = (new float[width], new float[width]);
        for (var c = 0; c < image.Channels; c++)
        {
            var plane = image.Plane(c);
            plane[..width].CopyTo(before);
            for (var y = 1; y < image.Height - 1; y++)
            {
                plane.Slice(y * width, width).CopyTo(now);
                for (var x = 1; x < width - 1; x++)
                {
                    var below = plane.Slice((y + 1) * width + x - 1, 3);
                    var smooth = (before[x - 1] + before[x] + before[x + 1] + now[x - 1] + 5 * now[x] + now[x + 1] + below[0] + below[1] + below[2]) / 13;
                    plane[y * width + x] = Clamped(image, c, smooth + factor * (now[x] - smooth));
                }
                (before, now) = (now, before);
            }
        }
    }

    private static float Unit(AugmentedImage image, int c, float p) => (p - image.Black(c)) / (image.White(c) - image.Black(c));

    private static int Level(AugmentedImage image, int c, float p) => (int)Math.Clamp(MathF.Round(Unit(image, c, p) * (Levels - 1)), 0, Levels - 1);

    private static float Value(AugmentedImage image, int c, float unit) => image.Black(c) + Math.Clamp(unit, 0, 1) * (image.White(c) - image.Black(c));

    private static float Clamped(AugmentedImage image, int c, float p) => Value(image, c, Unit(image, c, p));
}
