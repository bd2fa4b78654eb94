namespace Nabi.Ops;

/// <summary>
/// ONNX <c>NonMaxSuppression</c>: per image and class the best boxes that do not overlap a better one too much. Inputs: boxes
/// [N, boxes, 4], scores [N, classes, boxes], optional scalars: most boxes per class (default 0: none), IoU threshold (default 0), score
/// threshold. Output Int64 [chosen, 3]: image, class, box.
/// </summary>
public sealed record NonMaxSuppression : Op
{
    /// <summary>Are boxes x centre, y centre, width, height, rather than two opposite corners y1, x1, y2, x2? Default false.</summary>
    public bool CenterPointBox { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (boxes, scores) = (x.RequireRank(0, 3, 3), x.RequireRank(1, 3, 3));
        if (boxes[2] is not (4 or Shape.Unknown) || !Shape.Create([scores[0], scores[2]]).Accepts([boxes[0], boxes[1]]))
            throw x.Fail($"boxes {boxes} and scores {scores} do not fit [N, boxes, 4] and [N, classes, boxes]");
        return new TensorType(DType.Int64, [Shape.Unknown, 3]);
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (boxes, scores, shape) = (x.Input(0).ToSingle(), x.Input(1).ToSingle(), x.Input(1).Shape);
        var most = (long)(x.Optional(2)?.ToInt64()[0] ?? 0);
        var overlap = x.Optional(3)?.ToSingle()[0] ?? 0;
        var threshold = x.Optional(4)?.ToSingle()[0];
        var chosen = new List<long>();
        for (var line = 0; line < shape[0] * shape[1]; line++)
        {
            var (image, @class) = (line / shape[1], line % shape[1]);
            var kept = Suppressed(boxes.AsSpan(image * shape[2] * 4, shape[2] * 4), scores.AsSpan(line * shape[2], shape[2]), most, overlap, threshold);
            foreach (var box in kept) chosen.AddRange([image, @class, box]);
        }
        return Tensor.Of<long>([chosen.Count / 3, 3], chosen.ToArray());
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(1).Count, x.BytesRead, 0);

    private List<int> Suppressed(ReadOnlySpan<float> boxes, ReadOnlySpan<float> scores, long most, float overlap, float? threshold)
    {
        var (order, keys) = (new List<int>(), scores.ToArray());
        for (var i = 0; i < keys.Length; i++)
            if (threshold is null || keys[i] > threshold) order.Add(i);
        order.Sort((a, b) => keys[b].CompareTo(keys[a]) is var c && c != 0 ? c : a.CompareTo(b));
        var kept = new List<int>();
        foreach (var box in order)
        {
            if (kept.Count >= most) break;
            var isFree = true;
            foreach (var better in kept)
                if (Overlap(boxes.Slice(box * 4, 4), boxes.Slice(better * 4, 4)) > overlap) isFree = false;
            if (isFree) kept.Add(box);
        }
        return kept;
    }

    // Intersection over union; boxes without area overlap nothing.
    private float Overlap(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        var (a, b) = (Corners(left), Corners(right));
        var (areaA, areaB) = ((a.Bottom - a.Top) * (a.Right - a.Left), (b.Bottom - b.Top) * (b.Right - b.Left));
        var (height, width) = (MathF.Min(a.Bottom, b.Bottom) - MathF.Max(a.Top, b.Top), MathF.Min(a.Right, b.Right) - MathF.Max(a.Left, b.Left));
        if (height <= 0 || width <= 0 || areaA <= 0 || areaB <= 0) return 0;
        return height * width / (areaA + areaB - height * width);
    }

    private (float Top, float Left, float Bottom, float Right) Corners(ReadOnlySpan<float> b) => CenterPointBox
        ? (b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2)
        : (MathF.Min(b[0], b[2]), MathF.Min(b[1], b[3]), MathF.Max(b[0], b[2]), MathF.Max(b[1], b[3]));
}
