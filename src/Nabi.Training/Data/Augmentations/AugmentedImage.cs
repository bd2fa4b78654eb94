namespace Nabi.Training.Data.Augmentations;

/// <summary>One normalized image, channels first, on its way into a batch, with a second buffer to write into.</summary>
public sealed class AugmentedImage
{
    private float[] _pixels;
    private float[] _spare;
    private readonly float[] _black;

    internal AugmentedImage(Shape shape, float[] black)
    {
        (Channels, Height, Width) = (shape[0], shape[1], shape[2]);
        (_pixels, _spare, _black) = (new float[shape.Count], new float[shape.Count], black);
    }

    /// <summary>Number of channels.</summary>
    public int Channels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>The values, [C, H, W].</summary>
    public Span<float> Pixels => _pixels;

    /// <summary>Moves the image; what comes in from outside is black (a stored 0 after normalization).</summary>
    /// <param name="right">Columns to the right; negative to the left.</param>
    /// <param name="down">Rows down; negative up.</param>
    public void Shift(int right, int down)
    {
        if (right == 0 && down == 0) return;
        for (var c = 0; c < Channels; c++)
        {
            for (var y = 0; y < Height; y++)
            {
                var to = _spare.AsSpan((c * Height + y) * Width, Width);
                to.Fill(_black[c]);
                var from = y - down;
                if (from < 0 || from >= Height || Math.Abs(right) >= Width) continue;
                var row = _pixels.AsSpan((c * Height + from) * Width, Width);
                if (right >= 0) row[..(Width - right)].CopyTo(to[right..]);
                else row[-right..].CopyTo(to);
            }
        }
        (_pixels, _spare) = (_spare, _pixels);
    }

    /// <summary>Mirrors left and right.</summary>
    public void Flip()
    {
        for (var at = 0; at < _pixels.Length; at += Width) _pixels.AsSpan(at, Width).Reverse();
    }

    /// <summary>Sets a rectangle, cut at the borders, of every channel to <paramref name="value"/>.</summary>
    public void Fill(int top, int left, int height, int width, float value)
    {
        var (bottom, right) = (Math.Min(Height, top + height), Math.Min(Width, left + width));
        (top, left) = (Math.Max(0, top), Math.Max(0, left));
        if (left >= right) return;
        for (var c = 0; c < Channels; c++)
            for (var y = top; y < bottom; y++) _pixels.AsSpan((c * Height + y) * Width + left, right - left).Fill(value);
    }
}
