using Nabi.Models;
using Nabi.Training.Data;

namespace Nabi.Compression.Distillation;

/// <summary>Some scenes with their prompts, in the one tensor that a joined segmenter reads: image, points, kinds of each sample in a row.</summary>
internal sealed class PromptBatch
{
    private const int Pixels = PromptSegmenter.Size * PromptSegmenter.Size;

    private readonly ShapeScenes _scenes;
    private readonly int _prompts;
    private readonly int[] _used;
    private int[] _indices = [];

    public PromptBatch(ShapeScenes scenes, int size, int prompts)
    {
        (_scenes, _prompts, _used) = (scenes, prompts, new int[size]);
        Packed = Tensor.Zeros(DType.Float32, [size, Row(prompts)]);
        Truth = Tensor.Zeros(DType.Float32, [size, Pixels]);
        Images = Tensor.Zeros(DType.Float32, [size, 1, PromptSegmenter.Size, PromptSegmenter.Size]);
    }

    /// <summary>Numbers of one sample.</summary>
    public static int Row(int prompts) => Pixels + prompts * (2 + PromptSegmenter.Kinds);

    public Tensor Packed { get; }

    public Tensor Images { get; }

    /// <summary>The scenes' own masks, 0 or 1.</summary>
    public Tensor Truth { get; }

    /// <summary>Takes other scenes, without prompts.</summary>
    public void Fill(ReadOnlySpan<int> indices)
    {
        _indices = indices.ToArray();
        Packed.Span<float>().Clear();
        Array.Clear(_used);
        for (var i = 0; i < _indices.Length; i++)
        {
            var from = new Range(_indices[i] * Pixels, (_indices[i] + 1) * Pixels);
            _scenes.Images.AsSpan(from).CopyTo(Sample(i));
            _scenes.Images.AsSpan(from).CopyTo(Images.Span<float>()[(i * Pixels)..]);
            var truth = Truth.Span<float>().Slice(i * Pixels, Pixels);
            for (var p = 0; p < Pixels; p++) truth[p] = _scenes.Masks[_indices[i] * Pixels + p] ? 1 : 0;
            for (var prompt = 0; prompt < _prompts; prompt++) Kind(i, prompt)[(int)PromptKind.None] = 1;
        }
    }

    /// <summary>The first prompt of each sample: its box or, equally likely, one of its pixels.</summary>
    public void Begin(Rng rng, bool alwaysPoint = false)
    {
        for (var i = 0; i < _indices.Length; i++)
        {
            var mask = _scenes.Masks.AsSpan(_indices[i] * Pixels, Pixels);
            if (alwaysPoint || rng.Next(2) == 0)
            {
                var skip = rng.Next(mask.Count(true));
                var at = 0;
                while (!mask[at] || skip-- > 0) at++;
                Add(i, at, PromptKind.Inside);
                continue;
            }
            var (left, top, right, bottom) = (PromptSegmenter.Size, PromptSegmenter.Size, 0, 0);
            for (var p = 0; p < Pixels; p++)
                if (mask[p]) (left, top, right, bottom) = (Math.Min(left, p % PromptSegmenter.Size), Math.Min(top, p / PromptSegmenter.Size), Math.Max(right, p % PromptSegmenter.Size), Math.Max(bottom, p / PromptSegmenter.Size));
            Add(i, top * PromptSegmenter.Size + left, PromptKind.UpperLeft);
            Add(i, bottom * PromptSegmenter.Size + right, PromptKind.LowerRight);
        }
    }

    /// <summary>
    /// One more prompt for each sample where the student is wrong: a pixel drawn from those where the masks differ, inside where the student misses the teacher's mask,
    /// outside where it goes beyond. Where they agree there is none.
    /// </summary>
    public void AddDisagreement(ReadOnlySpan<float> student, ReadOnlySpan<float> teacher, Rng rng)
    {
        for (var i = 0; i < _indices.Length; i++)
        {
            var said = student.Slice(i * Pixels, Pixels);
            var wanted = teacher.Slice(i * Pixels, Pixels);
            var wrong = 0;
            for (var p = 0; p < Pixels; p++) wrong += said[p] > 0 != wanted[p] > 0.5f ? 1 : 0;
            if (wrong == 0) continue;
            var skip = rng.Next(wrong);
            for (var p = 0; p < Pixels; p++)
            {
                if (said[p] > 0 == wanted[p] > 0.5f || skip-- > 0) continue;
                Add(i, p, wanted[p] > 0.5f ? PromptKind.Inside : PromptKind.Outside);
                break;
            }
        }
    }

    /// <summary>The prompts of a sample, for whoever looks: pixel and kind.</summary>
    public IReadOnlyList<(int Pixel, PromptKind Kind)> Prompts(int sample) => [.. Enumerable.Range(0, _used[sample]).Select(prompt =>
        (PixelOf(Point(sample, prompt)), (PromptKind)Kind(sample, prompt).IndexOf(1f)))];

    private static int PixelOf(ReadOnlySpan<float> point) => (int)(point[1] * PromptSegmenter.Size) * PromptSegmenter.Size + (int)(point[0] * PromptSegmenter.Size);

    private void Add(int sample, int pixel, PromptKind kind)
    {
        var prompt = _used[sample]++;
        var point = Point(sample, prompt);
        (point[0], point[1]) = ((pixel % PromptSegmenter.Size + 0.5f) / PromptSegmenter.Size, (pixel / PromptSegmenter.Size + 0.5f) / PromptSegmenter.Size);
        var kinds = Kind(sample, prompt);
        (kinds[(int)PromptKind.None], kinds[(int)kind]) = (0, 1);
    }

    private Span<float> Sample(int sample) => Packed.Span<float>().Slice(sample * Row(_prompts), Row(_prompts));

    private Span<float> Point(int sample, int prompt) => Sample(sample).Slice(Pixels + 2 * prompt, 2);

    private Span<float> Kind(int sample, int prompt) => Sample(sample).Slice(Pixels + 2 * _prompts + PromptSegmenter.Kinds * prompt, PromptSegmenter.Kinds);
}
