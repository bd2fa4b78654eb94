using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// Choosing elements while the plan runs: the largest ones, slices at indices that are computed, and the gradients of everything that moves elements.
/// </summary>
internal static unsafe class ChoiceLowering
{
    // As in MoveLowering: beyond this many places the reference computes them.
    private const int LargestTable = 1 << 24;

    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(TopK)] = (g, p) => Ranked(g[0], p);
        var ofChannels = table[typeof(MoveGradient)];
        table[typeof(MoveGradient)] = (g, p) => ofChannels(g, p) || AddedBack(g[0], p);
        foreach (var type in (Type[])[typeof(Gather), typeof(GatherElements), typeof(GatherND)])
        {
            var byTable = table[type];
            table[type] = (g, p) => byTable(g, p) || Chosen(g[0], p);
        }
    }

    private static bool Ranked(Node node, Planner planner)
    {
        var (op, data) = ((TopK)node.Op, node.Inputs[0]!);
        if (data.DType != DType.Float32 || data.Shape.Axis(op.Axis) != data.Shape.Rank - 1 || node.Outputs[0].Shape.Count == 0) return false;
        var shape = new TopRowsShape(data.Shape.CountOf(0, data.Shape.Rank - 1), data.Shape[-1], node.Outputs[0].Shape[-1], op.Largest);
        var (x, values) = (planner.Read(data), planner.Define(node.Outputs[0]));
        var indices = node.Outputs.Count > 1 ? planner.Define(node.Outputs[1]) : Planner.Scratch($"{node.Name}.indices", DType.Int64, (long)shape.Rows * shape.Count);
        var keys = Planner.Scratch(node.Name, DType.Int64, (long)planner.Options.Threads * shape.Columns);
        planner.Emit(new Step(node.Name, "top-k", [x], node.Outputs.Count > 1 ? [values, indices] : [values], context =>
            TopRows.Run(context.Pool, shape, x.Floats, values.Floats, (long*)indices.Address, (ulong*)keys.Address))
        {
            Scratch = node.Outputs.Count > 1 ? [keys] : [keys, indices],
        });
        return true;
    }

    private static bool Chosen(Node node, Planner planner)
    {
        var (data, output) = (node.Inputs[0]!, node.Output);
        if (output.Shape.Count == 0 || output.DType.Bits() < 8 || RunTimePlaces.Of((MovingOp)node.Op, data.Shape, node.Inputs[1]!, isAbsolute: true) is not { } places) return false;
        var (source, indices, target) = (planner.Read(data), planner.Read(node.Inputs[1]!), planner.Define(output));
        var unit = places.Parts.Unit * output.DType.Bits() / 8;
        planner.Emit(new Step(node.Name, $"choose.{node.Op.Name}", [source, indices], [target], context =>
            IndexedCopy.Run(context.Pool, unit, places.Read(node, (long*)indices.Address), source.Address, target.Address)));
        return true;
    }

    private static bool AddedBack(Node node, Planner planner)
    {
        var (op, gradient, output) = (((MoveGradient)node.Op).Of, node.Inputs[0]!, node.Output);
        if (output.DType != DType.Float32 || !output.Shape.IsKnown || output.Shape.Count == 0 || gradient.Shape.Count is 0 or > LargestTable) return false;
        if (node.Inputs.Count > 2 && RunTimePlaces.Of(op, output.Shape, node.Inputs[2]!, isAbsolute: false) is { } places)
        {
            var (from, indices, to) = (planner.Read(gradient), planner.Read(node.Inputs[2]!), planner.Define(output));
            planner.Emit(new Step(node.Name, $"add-back.{op.Name}", [from, indices], [to], context =>
                IndexedAdd.Run(context.Pool, places.Parts, places.Read(node, (long*)indices.Address), from.Floats, to.Floats)));
            return true;
        }
        if (node.Inputs.Skip(2).Any(v => v is { Data: null } or { IsUpdated: true })) return false;
        Tensor?[] inputs = [null, .. node.Inputs.Skip(2).Select(v => v?.Data)];
        var table = GC.AllocateUninitializedArray<int>(gradient.Shape.Count, pinned: true);
        op.Moves(output.Shape, new EvalContext(inputs, 1, new Rng(0))).Sources.CopyTo(table, 0);
        var (source, target) = (planner.Read(gradient), planner.Define(output));
        var whole = new IndexedParts(1, table.Length, output.Shape.Count, 1);
        planner.Emit(new Step(node.Name, $"add-back.{op.Name}", [source], [target], context => IndexedAdd.Run(context.Pool, whole, table, source.Floats, target.Floats)));
        return true;
    }
}

/// <summary>The places that Int64 indices name, read anew in each run.</summary>
internal sealed unsafe class RunTimePlaces
{
    private readonly int[] _places;
    private readonly int[] _sizes;
    private readonly bool _isShared;
    private readonly bool _isAbsolute;

    private RunTimePlaces(IndexedParts parts, int[] sizes, bool isShared, bool isAbsolute)
    {
        (Parts, _sizes, _isShared, _isAbsolute) = (parts, sizes, isShared, isAbsolute);
        _places = GC.AllocateUninitializedArray<int>(isShared && !isAbsolute ? parts.Reads : checked(parts.Parts * parts.Reads), pinned: true);
    }

    /// <summary>How data (places) and result (reads) are divided.</summary>
    public IndexedParts Parts { get; }

    /// <summary>The places of a gathering of whole slices; null for other movements.</summary>
    /// <param name="op">The movement.</param>
    /// <param name="data">What is gathered from.</param>
    /// <param name="indices">The indices.</param>
    /// <param name="isAbsolute">Count places through all parts rather than from the beginning of each?</param>
    public static RunTimePlaces? Of(MovingOp op, Shape data, Value indices, bool isAbsolute)
    {
        if (indices.DType != DType.Int64 || !indices.Shape.IsKnown || indices.Shape.Count == 0 || data.Count == 0) return null;
        switch (op)
        {
            case Gather gather:
                var axis = data.Axis(gather.Axis);
                return new RunTimePlaces(new IndexedParts(data.CountOf(0, axis), indices.Shape.Count, data[axis], data.CountOf(axis + 1, data.Rank)), [data[axis]], true, isAbsolute);
            case GatherElements gather when data.Axis(gather.Axis) == data.Rank - 1 && data.CountOf(0, data.Rank - 1) == indices.Shape.CountOf(0, data.Rank - 1):
                return new RunTimePlaces(new IndexedParts(data.CountOf(0, data.Rank - 1), indices.Shape[-1], data[-1], 1), [data[-1]], false, isAbsolute);
            case GatherND gather:
                var (batch, depth) = (gather.BatchDims, indices.Shape[-1]);
                var parts = data.CountOf(0, batch);
                var tuples = indices.Shape.CountOf(batch, indices.Shape.Rank - 1);
                return new RunTimePlaces(new IndexedParts(parts, tuples, data.CountOf(batch, batch + depth), data.CountOf(batch + depth, data.Rank)),
                    data.Dims[batch..(batch + depth)].ToArray(), false, isAbsolute);
            default:
                return null;
        }
    }

    /// <summary>Reads the indices.</summary>
    /// <param name="node">Whose they are, for errors.</param>
    /// <param name="indices">One number per read, or one per coordinate.</param>
    /// <exception cref="NabiException">An index is outside the data.</exception>
    public int[] Read(Node node, long* indices)
    {
        for (int part = 0, n = 0; n < _places.Length; part++)
        {
            var start = _isAbsolute ? part * Parts.Places : 0;
            var next = _isShared ? indices : indices + ((long)part * Parts.Reads * _sizes.Length);
            for (var read = 0; read < Parts.Reads; read++)
            {
                var place = 0;
                foreach (var size in _sizes)
                {
                    var index = *next++;
                    if (index < -size || index >= size) throw new NabiException($"Node '{node.Name}' ({node.Op.Name}): index {index} is outside the {size} places of its axis.");
                    place = (place * size) + (int)(index < 0 ? index + size : index);
                }
                _places[n++] = start + place;
            }
        }
        return _places;
    }
}
