namespace Nabi.TestSuite;

public static partial class OperatorCases
{
    /// <summary>Operators that only look at elements under another shape.</summary>
    public static IEnumerable<OperatorCase> Views =>
    [
        Case(new Ops.Identity(), Float(2, 3)),
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
        Case(new Ops.Tile(), Float(2, 3), Integers(2, 3)),
        Case(new Ops.Trilu(), Float(2, 4, 5), Table([], -1)),
        Case(new Ops.Trilu { Upper = false }, Float(4, 5)),
    ];

    /// <summary>Integers of a shape: indices.</summary>
    public static Tensor Table(int[] dims, params long[] numbers) => Tensor.Of(Shape.Create(dims), numbers);
}
