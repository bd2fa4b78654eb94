namespace Nabi.Training.Data;

/// <summary>
/// A procedural set for segmentation that is always there: 32 x 32 grey images of one to four ellipses, boxes and triangles on a noisy ground, each turned, sized, shaded and
/// partly hidden by chance, and the visible mask of one of them. Equal seeds draw equal scenes.
/// </summary>
public sealed class ShapeScenes
{
    /// <summary>Height and width of an image.</summary>
    public const int Size = 32;

    private const int SmallestMask = 20;

    private ShapeScenes(float[] images, bool[] masks) => (Images, Masks) = (images, masks);

    /// <summary>Number of scenes.</summary>
    public int Count => Images.Length / (Size * Size);

    /// <summary>Grey values of all scenes, about -1 to 1, one image after the other.</summary>
    public float[] Images { get; }

    /// <summary>Which pixels the chosen shape of each scene shows, one mask after the other.</summary>
    public bool[] Masks { get; }

    /// <summary>Draws scenes.</summary>
    /// <param name="count">How many, 1 to 1,000,000.</param>
    /// <param name="seed">Equal seeds draw equal scenes.</param>
    public static ShapeScenes Draw(int count, ulong seed = 1)
    {
        if (count is < 1 or > 1_000_000) throw new NabiException($"{count} scenes cannot be drawn; ask for 1 to 1,000,000.");
        var scenes = new ShapeScenes(new float[count * Size * Size], new bool[count * Size * Size]);
        for (var i = 0; i < count; i++)
        {
            var rng = new Rng(seed).Fork((ulong)i);
            var part = new Range(i * Size * Size, (i + 1) * Size * Size);
            while (!DrawOne(rng, scenes.Images.AsSpan(part), scenes.Masks.AsSpan(part))) { }
        }
        return scenes;
    }

    // Shapes from back to front; false when too little of the chosen one is seen.
    private static bool DrawOne(Rng rng, Span<float> image, Span<bool> mask)
    {
        image.Fill(Between(rng, -0.8f, 0));
        mask.Clear();
        var shapes = 1 + rng.Next(4);
        var chosen = rng.Next(shapes);
        for (var shape = 0; shape < shapes; shape++)
        {
            var (kind, angle, shade) = (rng.Next(3), Between(rng, 0, MathF.PI), Between(rng, 0.1f, 1));
            var (x, y, width, height) = (Between(rng, 6, Size - 6), Between(rng, 6, Size - 6), Between(rng, 4, 10), Between(rng, 4, 10));
            var (cos, sin) = (MathF.Cos(angle), MathF.Sin(angle));
            for (var i = 0; i < image.Length; i++)
            {
                var (dx, dy) = (i % Size + 0.5f - x, i / Size + 0.5f - y);
                if (!Covers(kind, (cos * dx + sin * dy) / width, (cos * dy - sin * dx) / height)) continue;
                image[i] = shade;
                mask[i] = shape == chosen;
            }
        }
        foreach (ref var pixel in image) pixel += 0.05f * (float)rng.NextGaussian();
        return mask.Count(true) >= SmallestMask;
    }

    private static bool Covers(int kind, float x, float y) => kind switch
    {
        0 => x * x + y * y <= 1,
        1 => MathF.Abs(x) <= 0.85f && MathF.Abs(y) <= 0.85f,
        _ => y <= 0.8f && MathF.Abs(x) <= (y + 1) / 1.8f,
    };

    private static float Between(Rng rng, float low, float high) => low + (high - low) * rng.NextSingle();
}
