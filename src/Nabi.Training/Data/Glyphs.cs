namespace Nabi.Training.Data;

/// <summary>
/// A procedural set of images that is always there: the ten digits drawn as pen strokes, 28 x 28 grey, each with its own rotation, scale,
/// shear, shift, pen width, bent strokes, stray lines and noise. Equal seeds draw equal images on every machine of one kind. The shifts and rotations are
/// large enough that a linear classifier stays far below a small convolutional network.
/// </summary>
public static class Glyphs
{
    /// <summary>Height and width of an image.</summary>
    public const int Size = 28;

    private static readonly string[] Names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    // Strokes in a box of [-1, 1] x [-1, 1], y downwards: x, y pairs; a new stroke after each semicolon.
    private static readonly float[][][] Strokes = [.. new[]
    {
        "0 -1 .45 -.8 .6 0 .45 .8 0 1 -.45 .8 -.6 0 -.45 -.8 0 -1",
        "-.4 -.6 .05 -1 .05 1",
        "-.55 -.6 -.3 -.95 .2 -1 .5 -.65 .4 -.2 -.55 1 .6 1",
        "-.5 -.85 0 -1 .45 -.75 .4 -.25 0 -.05 .5 .3 .5 .75 0 1 -.55 .8",
        ".3 1 .3 -1 -.6 .35 .6 .35",
        ".5 -1 -.4 -1 -.5 -.1 .1 -.2 .55 .15 .5 .75 0 1 -.55 .8",
        ".4 -1 -.2 -.55 -.55 .2 -.4 .85 .1 1 .5 .65 .4 .15 0 0 -.5 .35",
        "-.6 -1 .6 -1 .1 0 -.15 1; -.3 .05 .4 .05",
        "0 -.05 -.45 -.4 -.35 -.85 0 -1 .35 -.85 .45 -.4 0 -.05 -.55 .4 -.4 .85 0 1 .4 .85 .55 .4 0 -.05",
        "-.4 1 .2 .55 .55 -.2 .4 -.85 -.1 -1 -.5 -.65 -.4 -.15 0 0 .5 -.35",
    }.Select(d => d.Split(';').Select(s => s.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(n => float.Parse(n, System.Globalization.CultureInfo.InvariantCulture)).ToArray()).ToArray())];

    /// <summary>Draws a training and a test set.</summary>
    /// <param name="train">Training images. Default 10,000.</param>
    /// <param name="test">Test images. Default 2,000.</param>
    /// <param name="seed">Equal seeds draw equal images. Default 1.</param>
    public static DataSplits Draw(int train = 10_000, int test = 2_000, ulong seed = 1) =>
        new("glyphs", DrawSet(train, seed), DrawSet(test, seed ^ 0x9E3779B97F4A7C15), "procedural");

    private static DataSet DrawSet(int count, ulong seed)
    {
        if (count is < 1 or > 1_000_000) throw new NabiException($"{count} glyphs cannot be drawn; ask for 1 to 1,000,000.");
        var (samples, labels) = (new byte[count * Size * Size], new int[count]);
        SampleLoop.For(count, i =>
        {
            labels[i] = i % Names.Length;
            DrawOne(labels[i], new Rng(seed).Fork((ulong)i), samples.AsSpan(i * Size * Size, Size * Size));
        });
        return DataSet.Of("glyphs", [1, Size, Size], samples, labels, Names);
    }

    private static void DrawOne(int digit, Rng rng, Span<byte> to)
    {
        var ink = new float[Size * Size];
        var (angle, scale, shear) = (Between(rng, -0.45f, 0.45f), Between(rng, 5.5f, 10.5f), Between(rng, -0.35f, 0.35f));
        var (aspect, pen) = (Between(rng, 0.75f, 1.15f), Between(rng, 0.7f, 1.7f));
        var room = Math.Max(1, Size / 2f - scale - 1);
        var (centerX, centerY) = (Size / 2f + Between(rng, -room, room), Size / 2f + Between(rng, -room, room));
        var (cos, sin) = (MathF.Cos(angle), MathF.Sin(angle));
        foreach (var stroke in Strokes[digit])
        {
            var points = new float[stroke.Length];
            for (var i = 0; i < stroke.Length; i += 2)
            {
                var x = (stroke[i] + (float)rng.NextGaussian() * 0.07f) * aspect;
                var y = stroke[i + 1] + (float)rng.NextGaussian() * 0.07f;
                x += shear * y;
                points[i] = centerX + scale * (cos * x - sin * y);
                points[i + 1] = centerY + scale * (sin * x + cos * y);
            }
            for (var i = 0; i + 3 < points.Length; i += 2) Line(ink, points[i], points[i + 1], points[i + 2], points[i + 3], pen, 1);
        }
        for (var stray = rng.Next(3); stray > 0; stray--)
        {
            var (x, y, direction) = (Between(rng, 0, Size), Between(rng, 0, Size), Between(rng, 0, 2 * MathF.PI));
            var length = Between(rng, 3, 8);
            Line(ink, x, y, x + length * MathF.Cos(direction), y + length * MathF.Sin(direction), 0.6f, Between(rng, 0.4f, 0.9f));
        }
        var (paper, contrast, noise) = (Between(rng, 0, 0.25f), Between(rng, 0.5f, 0.8f), Between(rng, 0.02f, 0.1f));
        for (var i = 0; i < ink.Length; i++)
            to[i] = (byte)Math.Clamp(MathF.Round(255 * (paper + contrast * ink[i] + noise * (float)rng.NextGaussian())), 0, 255);
    }

    // Ink falls off within one pixel of the pen's edge.
    private static void Line(float[] ink, float x0, float y0, float x1, float y1, float radius, float strength)
    {
        var (dx, dy) = (x1 - x0, y1 - y0);
        var squared = dx * dx + dy * dy + 1e-6f;
        var reach = radius + 1;
        int left = Edge(Math.Min(x0, x1) - reach), right = Edge(Math.Max(x0, x1) + reach + 1);
        int top = Edge(Math.Min(y0, y1) - reach), bottom = Edge(Math.Max(y0, y1) + reach + 1);
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
            {
                var (px, py) = (x + 0.5f - x0, y + 0.5f - y0);
                var along = Math.Clamp((px * dx + py * dy) / squared, 0, 1);
                var (rx, ry) = (px - along * dx, py - along * dy);
                var cover = Math.Clamp(radius + 0.5f - MathF.Sqrt(rx * rx + ry * ry), 0, 1) * strength;
                ref var at = ref ink[y * Size + x];
                at = Math.Max(at, cover);
            }
        }
    }

    private static int Edge(float at) => Math.Clamp((int)at, 0, Size);

    private static float Between(Rng rng, float low, float high) => low + (high - low) * rng.NextSingle();
}
