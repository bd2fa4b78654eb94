namespace Nabi.TestSuite;

public static partial class OperatorCases
{
    /// <summary>Operators that only look at elements under another shape.</summary>
    public static IEnumerable<OperatorCase> Views =>
    [
        Case(new Ops.Identity(), Float(2, 3)),
        Case(new Ops.OptimizationBarrier(), Float(2, 3)),
        Case(new Ops.StraightThrough(), Float(2, 3), Float(3, 2).Reshape([2, 3])) with { ChecksGradient = false },
        Case(new Ops.StopGradient(), Float(2, 3)) with { ChecksGradient = false },
        Case(new Ops.GradientRounding(), Float(2, 3)) with { ChecksGradient = false },
        Case(new Ops.ShapeOf(), Float(2, 3, 4)),
        Case(new Ops.ShapeOf { Start = 1, End = -1 }, Float(2, 3, 4)),
        Case(new Ops.Size(), Float(2, 3)),
        Case(new Ops.Flatten(), Float(2, 3, 4)),
        Case(new Ops.Flatten { Axis = -1 }, Float(2, 3, 4)),
        Case(new Ops.Squeeze(), Float(2, 1, 4, 1)),
        Case(new Ops.Squeeze(), Float(2, 1, 4, 1), Integers(-3)),
        Case(new Ops.Unsqueeze(), Float(2, 4), Integers(3, 0)),
    ];

    /// <summary>Operators that move elements.</summary>
    public static IEnumerable<OperatorCase> Moves =>
    [
        Case(new Ops.Concat(1), Float(2, 3, 2), Float(2, 1, 2), Float(2, 4, 2)),
        Case(new Ops.Concat(-2), Float(2, 3), Float(1, 3)),
        Case(new Ops.Split { Axis = 1 }, Float(2, 6, 3), Integers(1, 3, 2)) with { OutputCount = 3 },
        Case(new Ops.Split { NumOutputs = 3 }, Float(7, 2)) with { OutputCount = 3 },
        Case(new Ops.Slice(), Float(5, 6, 3), Integers(1, -4), Integers(4, int.MaxValue), Integers(0, 1)),
        Case(new Ops.Slice(), Float(5, 6, 3), Integers(-1, 0), Integers(long.MinValue, 6), Integers(0, 1), Integers(-2, 3)),
        Case(new Ops.Pad(), Float(2, 3, 4), Integers(0, 1, 2, 1, 0, -1), Tensor.Scalar(0.5f)) with { Constants = [2] },
        Case(new Ops.Pad(), Float(2, 3, 4), Integers(1, 2), null, Integers(-1)),
        Case(new Ops.Pad { Mode = "reflect" }, Float(2, 3, 4), Integers(0, 1, 2, 0, 2, 3)),
        Case(new Ops.Pad { Mode = "edge" }, Float(3, 4), Integers(2, 0, 0, 3)),
        Case(new Ops.Pad { Mode = "wrap" }, Float(3, 4), Integers(2, 0, 0, 5)),
        Case(new Ops.Gather(), Float(5, 3), Table([2, 2], 0, -1, 2, 2)),
        Case(new Ops.Gather { Axis = 1 }, Float(2, 5, 3), Table([], 3)),
        Case(new Ops.GatherElements { Axis = 1 }, Float(3, 4), Table([2, 3], 0, 0, 3, -1, 2, 1)),
        Case(new Ops.GatherND(), Float(3, 4, 2), Table([2, 2, 2], 0, 1, 2, -1, 0, 1, 1, 1)),
        Case(new Ops.GatherND { BatchDims = 1 }, Float(2, 4, 2), Table([2, 1], 3, 0)),
        Case(new Ops.GatherND { BatchDims = 1 }, Float(2, 4, 2), Table([2, 3, 1], 3, 0, -1, 2, 2, 1)),
        Case(new Ops.Tile(), Float(2, 3), Integers(2, 3)),
        Case(new Ops.Trilu(), Float(2, 4, 5), Table([], -1)),
        Case(new Ops.Trilu { Upper = false }, Float(4, 5)),
        Case(new Ops.MoveGradient(new Ops.Gather()), Float(4, 3), Integers(5, 3), Integers(0, 2, 2, 4)),
    ];

    /// <summary>Operators that write into places, choose, or make tensors.</summary>
    public static IEnumerable<OperatorCase> Places =>
    [
        Case(new Ops.ScatterElements { Axis = 1 }, Float(3, 4), Table([2, 2], 0, -1, 2, 1), Float(2, 2)),
        Case(new Ops.ScatterElements { Reduction = "add" }, Float(3, 4), Table([2, 3], 1, 1, 2, 1, 0, 2), Float(2, 3)),
        Case(new Ops.ScatterElements { Reduction = "max" }, Float(3, 4), Table([2, 3], 1, 1, 2, 1, 0, 2), Float(2, 3)),
        Case(new Ops.ScatterND(), Float(4, 3), Table([2, 1], 3, 1), Float(2, 3)),
        Case(new Ops.ScatterND { Reduction = "add" }, Float(4, 3), Table([3, 2], 3, 1, 0, 0, 3, 1), Float(3)),
        Case(new Ops.ScatterND { Reduction = "mul" }, Float(4, 3), Table([2, 1], 1, 1), Float(2, 3)),
        Case(new Ops.TopK { Axis = 1 }, Float(3, 5), Integers(2)) with { OutputCount = 2 },
        Case(new Ops.TopK { Largest = false }, Float(3, 2, 19), Integers(7)) with { OutputCount = 2 },
        Case(new Ops.TopK(), Tensor.Of<float>([2, 5], 1, float.NaN, 1, float.PositiveInfinity, -2, 0, -0f, float.NegativeInfinity, float.NaN, 0), Integers(5)) with { OutputCount = 2, ChecksGradient = false },
        Case(new Ops.TopK { Axis = 0, Largest = false }, Float(5, 3), Integers(3)) with { OutputCount = 2 },
        Case(new Ops.Compress { Axis = 1 }, Float(2, 4), Tensor.Vector(true, false, true)),
        Case(new Ops.Compress(), Float(2, 3), Tensor.Vector(false, true, true, false, true)),
        Case(new Ops.ConstantOfShape { Value = Tensor.Vector(2.5f) }, Integers(2, 3)),
        Case(new Ops.EyeLike { K = 1 }, Float(3, 4)),
        Case(new Ops.Range(), Table([], 5), Table([], -4), Table([], -3)),
        Case(new Ops.NonZero(), Tensor.Of<float>([2, 3], 0, 1, 0, 2, 0, -1)),
        Case(new Ops.OneHot { Axis = 1 }, Table([2, 3], 0, -1, 7, 2, 1, 0), Table([], 4), Tensor.Vector(-1f, 3f)) with { Constants = [2] },
        Case(new Ops.Unique { Axis = 0 }, Tensor.Of<float>([4, 2], 1, 2, 0, 5, 1, 2, 0, 4)) with { OutputCount = 4 },
        Case(new Ops.MoveGradient(new Ops.Gather()), Float(2, 2, 3), Integers(5, 3), Table([2, 2], 0, -1, 2, 2)),
        Case(new Ops.MoveGradient(new Ops.Gather { Axis = 1 }), Float(2, 3, 2), Integers(2, 4, 2), Table([3], 0, -1, 0)),
        Case(new Ops.MoveGradient(new Ops.GatherND { BatchDims = 1 }), Float(2, 3, 18), Integers(2, 4, 18), Table([2, 3, 1], 3, 0, -1, 2, 2, 1)),
        Case(new Ops.NonMaxSuppression(), Tensor.Of<float>([1, 3, 4], 0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 2, 1, 3), Positive(1, 2, 3), Table([], 2), Tensor.Scalar(0.5f)),
        Case(new Ops.ShapeOf { Start = -2 }, Float(2, 3, 4)),
        Case(new Ops.Size(), Float(2, 3, 4)),
    ];

    /// <summary>Operators on images.</summary>
    public static IEnumerable<OperatorCase> Resampling =>
    [
        Case(new Ops.DepthToSpace { Blocksize = 2 }, Float(2, 8, 2, 3)),
        Case(new Ops.DepthToSpace { Blocksize = 2, Mode = "CRD" }, Float(2, 8, 2, 3)),
        Case(new Ops.SpaceToDepth { Blocksize = 2 }, Float(2, 3, 4, 6)),
        Case(new Ops.ReverseSequence(), Float(4, 3, 2), Integers(4, 2, 1)),
        Case(new Ops.ReverseSequence { BatchAxis = 0, TimeAxis = 1 }, Float(3, 4, 2), Integers(0, 3, 4)),
        Case(new Ops.CenterCropPad(), Float(3, 6), Integers(6, 3)),
        Case(new Ops.CenterCropPad { Axes = [-1] }, Float(3, 4), Integers(7)),
        Case(Ops.Shift.OfKernel(20, 3), Float(2, 20, 5, 4)),
        Case(Ops.Shift.OfKernel(9, 3), Float(1, 9, 3, 3)),
        Case(Ops.Shift.OfKernel(52, 5), Float(1, 52, 4, 6)),
        Case(new Ops.Shift { Vertical = [0, -1, 7, 2], Horizontal = [-3, 0, 1, 1] }, Float(2, 4, 3, 5)),
        Case(new Ops.Im2Col { Strides = [2, 1], Pads = [1, 0, 1, 1], Dilations = [1, 2] }, Float(2, 3, 5, 6), Integers(3, 2)),
        Case(new Ops.Col2Im { Pads = [1, 0, 1, 0] }, Float(1, 8, 24), Integers(5, 5), Integers(2, 2)),
        ResizeCase(new Ops.Resize(), [1, 1, 2, 1.5f], 2, 3, 4, 4),
        ResizeCase(new Ops.Resize { Mode = "linear" }, [1, 1, 2, 0.6f], 2, 3, 4, 5),
        ResizeCase(new Ops.Resize { Mode = "linear", CoordinateTransformationMode = "align_corners" }, [1, 1, 2, 2], 1, 2, 3, 4),
        ResizeCase(new Ops.Resize { Mode = "linear", Antialias = true }, [1, 1, 0.5f, 0.4f], 1, 2, 6, 8),
        ResizeCase(new Ops.Resize { Mode = "cubic", ExcludeOutside = true }, [1, 1, 1.5f, 0.7f], 1, 2, 4, 6),
        ResizeCase(new Ops.Resize { Mode = "cubic", CoordinateTransformationMode = "asymmetric" }, [1, 1, 2, 1], 1, 2, 4, 3),
        Case(new Ops.Resize { Mode = "linear", Axes = [3, 2] }, Float(1, 2, 4, 5), null, null, Integers(3, 7)),
        Case(new Ops.ResizeGradient(new Ops.Resize { Mode = "linear" }), Float(1, 2, 6, 4), Integers(1, 2, 4, 4), null, Tensor.Vector(1f, 1, 1.5f, 1)) with { Constants = [3] },
        Case(new Ops.GridSample(), Float(2, 3, 4, 5), Float(2, 2, 3, 2)) with { ChecksGradient = false },
        Case(new Ops.GridSample { Mode = "cubic", PaddingMode = "reflection" }, Float(2, 3, 4, 5), Float(2, 2, 3, 2)) with { ChecksGradient = false },
        Case(new Ops.RoiAlign { OutputHeight = 2, OutputWidth = 3, SamplingRatio = 2 }, Float(2, 3, 6, 7),
            Tensor.Of<float>([2, 4], 0, 1, 5, 4, 2, 2, 6, 5), Integers(0, 1)) with { Constants = [1] },
    ];

    /// <summary>Weights that share values.</summary>
    public static IEnumerable<OperatorCase> Sharing =>
    [
        Case(new Ops.Codebook(), Bytes([3, 5], 0, 1, 2, 3, 3, 3, 1, 0, 0, 2, 1, 1, 1, 2, 0), Float(4)),
        Case(new Ops.Codebook { HasZero = true }, Bytes([2, 3, 2], 0, 1, 2, 3, 0, 3, 1, 0, 0, 2, 9, 1), Float(3)),
        Case(new Ops.CodebookGradient { Centroids = 4 }, Bytes([7], 0, 1, 2, 0, 2, 2, 1), Float(7)),
        Case(new Ops.CodebookGradient { Centroids = 3, HasZero = true }, Bytes([3, 3], 0, 1, 2, 0, 3, 3, 1, 0, 2), Float(3, 3)),
    ];

    private static Tensor Bytes(int[] dims, params byte[] numbers) => Tensor.Of(Shape.Create(dims), numbers);

    private static OperatorCase ResizeCase(Ops.Resize op, float[] scales, params int[] dims) =>
        Case(op, Float(dims), null, Tensor.Vector<float>(scales)) with { Constants = [2] };

    /// <summary>Integers of a shape: indices.</summary>
    public static Tensor Table(int[] dims, params long[] numbers) => Tensor.Of(Shape.Create(dims), numbers);
}
