using System.Numerics.Tensors;
using Nabi.Training.Data.Images;

namespace Nabi.Training.Data;

/// <summary>
/// Labelled samples in memory, all of one shape: images as [C, H, W], rows of a table as [F]. Bytes stay bytes (a quarter of the
/// memory) and read as value / 255; floats read as they are. A data set does not change; subsets share its memory.
/// </summary>
public sealed class DataSet
{
    private readonly byte[]? _bytes;
    private readonly float[]? _floats;
    private readonly int[] _labels;
    private readonly int[]? _view;

    private DataSet(string name, Shape sampleShape, byte[]? bytes, float[]? floats, int[] labels, IReadOnlyList<string> classNames, int[]? view)
    {
        (Name, SampleShape, _bytes, _floats, _labels, ClassNames, _view) = (name, sampleShape, bytes, floats, labels, classNames, view);
        SampleSize = sampleShape.Count;
    }

    /// <summary>What it is called, for example <c>fashion-mnist</c>.</summary>
    public string Name { get; }

    /// <summary>Shape of one sample, channels first: [C, H, W] for images, [F] for tables.</summary>
    public Shape SampleShape { get; }

    /// <summary>Elements of one sample.</summary>
    public int SampleSize { get; }

    /// <summary>The classes' names; a label is an index into them.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Number of samples.</summary>
    public int Count => _view?.Length ?? _labels.Length;

    /// <summary>Number of channels: the first dimension of a sample. Normalization has one mean per channel.</summary>
    public int Channels => SampleShape[0];

    /// <summary>Are samples images [C, H, W]?</summary>
    public bool IsImages => SampleShape.Rank == 3;

    /// <summary>Are samples stored as bytes, which stand for value / 255?</summary>
    public bool IsBytes => _bytes is not null;

    /// <summary>Samples of bytes, one after the other, each channels first.</summary>
    /// <exception cref="NabiException">The bytes or labels do not fit the shape, or a label has no class.</exception>
    public static DataSet Of(string name, Shape sampleShape, byte[] samples, int[] labels, IReadOnlyList<string> classNames)
    {
        Check(name, sampleShape, samples.Length, labels, classNames);
        return new DataSet(name, sampleShape, samples, null, labels, classNames, null);
    }

    /// <summary>Samples of floats, one after the other, each channels first.</summary>
    /// <exception cref="NabiException">The floats or labels do not fit the shape, or a label has no class.</exception>
    public static DataSet Of(string name, Shape sampleShape, float[] samples, int[] labels, IReadOnlyList<string> classNames)
    {
        Check(name, sampleShape, samples.Length, labels, classNames);
        return new DataSet(name, sampleShape, null, samples, labels, classNames, null);
    }

    /// <summary>The class of sample <paramref name="index"/>.</summary>
    public int Label(int index) => _labels[At(index)];

    /// <summary>The bytes of sample <paramref name="index"/>, channels first.</summary>
    /// <exception cref="InvalidOperationException">Samples are floats, see <see cref="IsBytes"/>.</exception>
    public ReadOnlySpan<byte> Bytes(int index) => (_bytes ?? throw new InvalidOperationException($"Data set '{Name}' holds floats."))
        .AsSpan(At(index) * SampleSize, SampleSize);

    /// <summary>The floats of sample <paramref name="index"/>, channels first.</summary>
    /// <exception cref="InvalidOperationException">Samples are bytes, see <see cref="IsBytes"/>.</exception>
    public ReadOnlySpan<float> Floats(int index) => (_floats ?? throw new InvalidOperationException($"Data set '{Name}' holds bytes."))
        .AsSpan(At(index) * SampleSize, SampleSize);

    /// <summary>The samples at <paramref name="indices"/>, in that order; nothing is copied.</summary>
    public DataSet Subset(ReadOnlySpan<int> indices)
    {
        var view = new int[indices.Length];
        for (var i = 0; i < view.Length; i++) view[i] = At(indices[i]);
        return new DataSet(Name, SampleShape, _bytes, _floats, _labels, ClassNames, view);
    }

    /// <summary>The first <paramref name="count"/> samples, or all when there are fewer.</summary>
    public DataSet Take(int count) => count >= Count ? this : Subset(Enumerable.Range(0, Math.Max(0, count)).ToArray());

    /// <summary>
    /// Splits at random in two: the first part has <paramref name="fraction"/> of every class (rounded), the second the rest.
    /// Equal seeds give equal splits.
    /// </summary>
    public (DataSet First, DataSet Second) Split(double fraction, ulong seed)
    {
        if (fraction is not (>= 0 and <= 1)) throw new NabiException($"A split fraction of {fraction} is not possible; use 0 to 1.");
        var order = Enumerable.Range(0, Count).ToArray();
        new Rng(seed).Shuffle(order.AsSpan());
        var left = new int[ClassNames.Count];
        foreach (var i in order) left[Label(i)]++;
        for (var c = 0; c < left.Length; c++) left[c] = (int)Math.Round(left[c] * fraction);
        List<int> first = [], second = [];
        foreach (var i in order) (left[Label(i)]-- > 0 ? first : second).Add(i);
        first.Sort();
        second.Sort();
        return (Subset(first.ToArray()), Subset(second.ToArray()));
    }

    /// <summary>
    /// The same images in another size: every pixel is the mean of the area it covers (shrinking) or bilinear (growing); bytes stay bytes, rounded.
    /// </summary>
    /// <param name="height">Rows, 1 or more.</param>
    /// <param name="width">Columns, 1 or more.</param>
    /// <exception cref="NabiException">The samples are no images, or do not fit into memory in that size.</exception>
    public DataSet Resized(int height, int width)
    {
        if (!IsImages) throw new NabiException($"Data set '{Name}' holds no images [C, H, W], so that its samples {SampleShape} cannot be resized.");
        if (height < 1 || width < 1) throw new NabiException($"Images of {height} x {width} are not possible; use 1 x 1 or more.");
        if (height == SampleShape[1] && width == SampleShape[2]) return this;
        Shape shape = [Channels, height, width];
        if ((long)Count * shape.Count > Array.MaxLength)
            throw new NabiException($"The {Count} images of '{Name}' do not fit into memory at once in {height} x {width}; use fewer or smaller ones.");
        var (rows, columns) = (Resampling.Weights(SampleShape[1], height), Resampling.Weights(SampleShape[2], width));
        var (bytes, floats) = IsBytes ? (new byte[Count * shape.Count], null) : ((byte[]?)null, new float[Count * shape.Count]);
        SampleLoop.For(Count, i => Resize(i, shape, rows, columns, bytes, floats));
        return new DataSet(Name, shape, bytes, floats, [.. Enumerable.Range(0, Count).Select(Label)], ClassNames, null);
    }

    private void Resize(int index, Shape shape, (int, float)[][] rows, (int, float)[][] columns, byte[]? bytes, float[]? floats)
    {
        var (before, after) = (SampleSize / Channels, shape[1] * shape[2]);
        var (plane, middle, result) = (new float[before], new float[SampleShape[1] * shape[2]], new float[after]);
        for (var c = 0; c < Channels; c++)
        {
            if (IsBytes) TensorPrimitives.ConvertTruncating(Bytes(index).Slice(c * before, before), plane);
            else Floats(index).Slice(c * before, before).CopyTo(plane);
            Resampling.Plane(plane, rows, columns, SampleShape[2], middle, result);
            var at = index * shape.Count + c * after;
            if (floats is not null) result.CopyTo(floats.AsSpan(at));
            for (var j = 0; bytes is not null && j < after; j++) bytes[at + j] = (byte)Math.Clamp(MathF.Round(result[j]), 0, 255);
        }
    }

    /// <summary>Name, number of samples and shape.</summary>
    public override string ToString() => $"{Name}: {Count} samples of {SampleShape}, {ClassNames.Count} classes";

    private int At(int index) => _view is null ? index : _view[index];

    private static void Check(string name, Shape shape, long elements, int[] labels, IReadOnlyList<string> classNames)
    {
        if (shape.Rank == 0 || shape.Count == 0) throw new NabiException($"Data set '{name}' has samples of shape {shape}, which hold nothing.");
        if (labels.Length == 0) throw new NabiException($"Data set '{name}' has no samples.");
        if (elements != (long)labels.Length * shape.Count)
            throw new NabiException($"Data set '{name}' has {labels.Length} labels of samples {shape}, but {elements} values instead of {(long)labels.Length * shape.Count}.");
        foreach (var label in labels)
            if ((uint)label >= (uint)classNames.Count)
                throw new NabiException($"Data set '{name}' has a label {label}, but its classes are 0 to {classNames.Count - 1}.");
    }
}
