using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Reduction = Nabi.Ops.Reduction;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Sums, means, extremes and norms over axes, in whichever layout the input lies.</summary>
internal static unsafe class ReductionLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(ReduceSum)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.Sum);
        table[typeof(ReduceMean)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.Mean);
        table[typeof(ReduceMax)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.Max);
        table[typeof(ReduceMin)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.Min);
        table[typeof(ReduceSumSquare)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.SumOfSquares);
        table[typeof(ReduceL1)] = (g, p) => LowerOverAxes(g[0], p, ReductionKind.SumOfAbsolutes);
        table[typeof(GlobalAveragePool)] = (g, p) => LowerGlobal(g[0], p, ReductionKind.Mean);
        table[typeof(GlobalMaxPool)] = (g, p) => LowerGlobal(g[0], p, ReductionKind.Max);
    }

    private static bool LowerOverAxes(Node node, Planner planner, ReductionKind kind) => AxesOf(node) is { } reduced && Lower(node, planner, reduced, kind);

    private static bool LowerGlobal(Node node, Planner planner, ReductionKind kind) => node.Inputs[0] is { DType: DType.Float32, Shape: { Count: > 0 } shape }
        && Lower(node, planner, [.. Enumerable.Range(0, shape.Rank).Select(axis => axis > 1)], kind);

    // One flag per axis; null if the axes are not known or nothing is to be reduced.
    private static bool[]? AxesOf(Node node)
    {
        var input = node.Inputs[0]!;
        if (input.DType != DType.Float32 || input.Shape.Count == 0) return null;
        long[] axes = node.Inputs.Count > 1 && node.Inputs[1] is { } given ? given.Data?.ToInt64() ?? [] : [];
        if (node.Inputs.Count > 1 && node.Inputs[1] is { Data: null }) return null;
        var reduced = new bool[input.Shape.Rank];
        if (axes.Length == 0)
        {
            if (((Reduction)node.Op).NoopWithEmptyAxes) return null;
            Array.Fill(reduced, true);
        }
        foreach (var axis in axes) reduced[input.Shape.Axis(axis)] = true;
        return reduced;
    }

    /// <summary>Emits the reduction of the node's first input over the marked axes.</summary>
    public static bool Lower(Node node, Planner planner, bool[] reduced, ReductionKind kind)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        var layout = planner.ReadAny(input).Layout;
        var order = Layouts.Order(input.Shape.Rank, layout);
        var isKept = output.Shape.Rank == input.Shape.Rank;
        if (layout == Layout.ChannelsLast && !isKept && !KeepsOrder(order, input.Shape, reduced))
        {
            layout = Layout.RowMajor;
            order = Layouts.Order(input.Shape.Rank, layout);
        }
        var runs = Runs(order, input.Shape, reduced);
        var parts = Parts.Of(runs);
        if (parts is null) return false;
        Emit(node.Name, kind, planner.Read(input, layout), planner.Define(output, isKept ? layout : Layout.RowMajor), parts.Value, planner);
        return true;
    }

    /// <summary>Emits the sum of a slot over the marked axes into another; false when the axes are marked in a pattern no kernel has.</summary>
    public static bool Sum(string name, Slot source, Slot target, bool[] reduced, Planner planner)
    {
        if (Parts.Of(Runs(Layouts.Order(source.Shape.Rank, source.Layout), source.Shape, reduced)) is not { } parts) return false;
        Emit(name, ReductionKind.Sum, source, target, parts, planner);
        return true;
    }

    private static void Emit(string name, ReductionKind kind, Slot source, Slot target, Parts parts, Planner planner)
    {
        var (outer, middle, inner, sides) = parts;
        planner.Emit(new Step(name, $"reduce.{kind}", [source], [target], sides
            ? c => Kernels.Reduction.RunSides(c.Pool, kind, outer, middle, inner, source.Floats, target.Floats)
            : c => Kernels.Reduction.Run(c.Pool, kind, outer, middle, inner, source.Floats, target.Floats)));
    }

    // Do the kept axes follow each other in memory as they do in the graph?
    private static bool KeepsOrder(int[] order, Shape shape, bool[] reduced)
    {
        var last = -1;
        foreach (var axis in order)
        {
            if (reduced[axis] || shape[axis] == 1) continue;
            if (axis < last) return false;
            last = axis;
        }
        return true;
    }

    // Neighbouring axes in memory that are all reduced, or all kept, count as one.
    private static List<(int Size, bool Reduced)> Runs(int[] order, Shape shape, bool[] reduced)
    {
        var runs = new List<(int Size, bool Reduced)>();
        foreach (var axis in order)
        {
            if (shape[axis] == 1) continue;
            if (runs.Count > 0 && runs[^1].Reduced == reduced[axis]) runs[^1] = (runs[^1].Size * shape[axis], reduced[axis]);
            else runs.Add((shape[axis], reduced[axis]));
        }
        return runs;
    }

    /// <summary>The three sizes the kernels know; sides: the outer and inner are reduced, else the middle.</summary>
    private readonly record struct Parts(int Outer, int Middle, int Inner, bool Sides)
    {
        public static Parts? Of(List<(int Size, bool Reduced)> runs) => runs switch
        {
            [] => new Parts(1, 1, 1, false),
            [(var r, true)] => new Parts(1, r, 1, false),
            [(var k, false)] => new Parts(k, 1, 1, false),
            [(var k, false), (var r, true)] => new Parts(k, r, 1, false),
            [(var r, true), (var k, false)] => new Parts(1, r, k, false),
            [(var k, false), (var r, true), (var i, false)] => new Parts(k, r, i, false),
            [(var r, true), (var k, false), (var s, true)] => new Parts(r, k, s, true),
            _ => null,
        };
    }
}
