namespace Nabi.Ops;

/// <summary>The lines of a tensor along one axis: line i has <see cref="Length"/> elements from <see cref="Start"/>(i), <see cref="Stride"/> apart.</summary>
internal readonly record struct Lines(int Count, int Length, int Stride)
{
    public static Lines Of(Shape shape, long axis)
    {
        var at = shape.Axis(axis);
        var stride = shape.CountOf(at + 1, shape.Rank);
        return new Lines(shape.CountOf(0, at) * stride, shape[at], stride);
    }

    public int Start(int line) => line / Stride * Length * Stride + line % Stride;

    public void Read<T>(int line, ReadOnlySpan<T> from, Span<T> to)
    {
        for (int i = 0, at = Start(line); i < Length; i++, at += Stride) to[i] = from[at];
    }

    public void Write<T>(int line, ReadOnlySpan<T> from, Span<T> to)
    {
        for (int i = 0, at = Start(line); i < Length; i++, at += Stride) to[at] = from[i];
    }
}
