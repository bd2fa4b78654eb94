namespace Nabi.Training.Data.Augmentations;

/// <summary>One normalized image, channels first, on its way into a batch, with a second buffer to write into.</summary>
public sealed class AugmentedImage
{
    private float[] _pixels;
    private float[] _spare;
    private readonly float[] _black;
    private readonly float[] _white;

    internal AugmentedImage(Shape shape, float[] black, float[] white)
    {
        (Channels, Height, Width) = (shape[0], shape[1], shape[2]);
        (_pixels, _spare, _black, _white) = (new float[shape.Count], new float[shape.Count], black, white);
    }

    /// <summary>Number of channels.</summary>
    public int Channels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>The values, [C, H, W].</summary>
    public Span<float> Pixels => _pixels;

    /// <summary>The values of one channel, [H, W].</summary>
    public Span<float> Plane(int channel) => _pixels.AsSpan(channel * Height * Width, Height * Width);

    /// <summary>What a stored 0 is after normalization, in one channel.</summary>
    public float Black(int channel) => _black[channel];

    /// <summary>What a stored 1 (255 of a byte) is after normalization, in one channel.</summary>
    public float White(int channel) => _white[channel];

    /// <summary>
    /// Draws the image anew: the pixel at (x, y) from the center is taken, bilinearly, from (xx x + xy y, yx x + yy y) from the center; what comes in from outside is black.
    /// </summary>
    public void Warp(double xx, double xy, double yx, double yy)
    {
        var (centerX, centerY) = ((Width - 1) / 2.0, (Height - 1) / 2.0);
        for (var y = 0; y < Height; y++)
        {
            for (var x = 0; x < Width; x++)
            {
                var (fromX, fromY) = (centerX + xx * (x - centerX) + xy * (y - centerY), centerY + yx * (x - centerX) + yy * (y - centerY));
                var (left, top) = ((int)Math.Floor(fromX), (int)Math.Floor(fromY));
                var (right, down) = ((float)(fromX - left), (float)(fromY - top));
                for (var c = 0; c < Channels; c++)
                    _spare[(c * Height + y) * Width + x] =
                        (1 - down) * ((1 - right) * At(c, top, left) + right * At(c, top, left + 1)) + down * ((1 - right) * At(c, top + 1, left) + right * At(c, top + 1, left + 1));
            }
        }
        (_pixels, _spare) = (_spare, _pixels);
    }

    private float At(int channel, int y, int x) =>
        (uint)y < (uint)Height && (uint)x < (uint)Width ? _pixels[(channel * Height + y) * Width + x] : _black[channel];

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
