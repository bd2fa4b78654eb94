using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// The constant 4-bit numbers behind a DequantizeLinear, or 4-bit indices behind a <see cref="Codebook"/>, seen as a matrix [Depth, Columns] whose columns are filters.
/// </summary>
internal sealed unsafe class Int4Weights
{
    // Weights from which looking up shared ones measured faster than floats. In registers of 16 lanes one row always gains but in tiny layers, few rows where floats
    // stay in no cache (2 to 4 rows of 1000 x 1280 take as long either way). With 8 lanes, where the table takes two look-ups and a choice, only the latter gain;
    // with fewer lanes nothing does.
    private const int FewestShared = 1 << 14;
    private const int FewestSharedFar = 1 << 24;
    private const int MostSharedRows = 4;

    private readonly Value _numbers;
    private readonly Value _scales;   // or the centroids
    private readonly bool? _hasZero;  // of a codebook
    private readonly Tensor? _zeros;
    private readonly int _columnAxis;
    private readonly int _block;
    private readonly (int Column, int Block) _scaleStrides;

    private Int4Weights(Node node, Tensor? zeros, int columnAxis, int block, (int Column, int Block) scaleStrides) =>
        (_numbers, _scales, _hasZero, _zeros, _columnAxis, _block, _scaleStrides) = (node.Inputs[0]!, node.Inputs[1]!, (node.Op as Codebook)?.HasZero, zeros, columnAxis, block, scaleStrides);

    private int Columns => _numbers.Shape[_columnAxis];

    private int Depth => _numbers.Shape[1 - _columnAxis];

    /// <summary>What lies behind a weight; null if it is not 4-bit, or its scales are not one for all, per column or per block of the depth.</summary>
    /// <param name="weight">A matrix, or filters of a 1 x 1 convolution.</param>
    /// <param name="columnAxis">Which axis counts the columns, 0 or 1; the other is the depth.</param>
    /// <param name="rows">Rows of the left matrix.</param>
    public static Int4Weights? Of(Value weight, int columnAxis, int rows)
    {
        if (weight is { DType: DType.Float32, Producer: { Op: Codebook } shared }) return Shared(shared, columnAxis, rows);
        if (weight is not { DType: DType.Float32, Producer: { Op: DequantizeLinear op } node } || node.Inputs[0] is not { DType: DType.Int4 } numbers) return null;
        if (numbers is not { IsUpdated: false, Data: not null } || node.Inputs[1] is not { IsUpdated: false, DType: DType.Float32, Data: { } scales }) return null;
        var shape = numbers.Shape;
        if (shape.Rank < 2 || shape.Count == 0 || shape[0] * shape[1] != shape.Count || !TryZeros(node, out var zeros)) return null;
        if (op.BlockSize <= 0 && scales.Count == 1) return new Int4Weights(node, zeros, columnAxis, shape[1 - columnAxis], (0, 0));
        var axis = shape.Axis(op.Axis);
        if (op.BlockSize <= 0) return axis == columnAxis ? new Int4Weights(node, zeros, columnAxis, shape[1 - columnAxis], (1, 0)) : null;
        if (axis != 1 - columnAxis || op.BlockSize < Int4Panels.PerWord) return null;
        return new Int4Weights(node, zeros, columnAxis, op.BlockSize, columnAxis == 0 ? (scales.Shape[1], 1) : (1, scales.Shape[1]));
    }

    private static Int4Weights? Shared(Node node, int columnAxis, int rows)
    {
        if (node.Inputs[0] is not { IsUpdated: false, Data: { } indices } || node.Inputs[1] is not { IsUpdated: false, Data: not null }) return null;
        if (indices.Shape is not { Rank: >= 2 } shape || shape[0] * shape[1] != shape.Count || rows > MostSharedRows || Simd.Lanes < 8) return null;
        if (shape.Count < (rows == 1 && Simd.Lanes >= 16 ? FewestShared : FewestSharedFar) || indices.Bytes.ContainsAnyExceptInRange((byte)0, (byte)15)) return null;
        return new Int4Weights(node, null, columnAxis, shape[1 - columnAxis], (0, 0));
    }

    /// <summary>Emits result = epilogue(rows x weights).</summary>
    /// <param name="name">Names the step.</param>
    /// <param name="planner">Receives it.</param>
    /// <param name="input">The rows of the left matrix.</param>
    /// <param name="output">The result.</param>
    /// <param name="rows">Rows of both.</param>
    /// <param name="epilogue">Done before the result is stored.</param>
    public void Emit(string name, Planner planner, Slot input, Slot output, int rows, EpiloguePlan epilogue)
    {
        var product = new Int4Product(Columns, Depth, _block, _zeros is not null);
        var (packed, table) = (Packed(product, planner), Table(planner));
        var (depth, columns) = (Depth, Columns);
        var (from, to) = (input.IsPart ? input.PixelStride : depth, output.IsPart ? output.PixelStride : columns);
        var scratch = Planner.Scratch(name, DType.Float32, Int4Product.ScratchSize(rows, depth, planner.Options.Threads));
        planner.Emit(new Step(name, $"gemm.{(table is null ? "int4" : "codebook")}{epilogue.Suffix}", [input, packed, .. table is null ? [] : (Slot[])[table], .. epilogue.Slots], [output], context =>
            product.Run(context.Pool, rows, input.Floats, from, packed.Floats, output.Floats, to, epilogue.Now(output, columns), scratch.Floats, table is null ? null : table.Floats))
        {
            Macs = (long)rows * columns * depth,
            InPlace = epilogue.Residual is { } r && !output.IsPart ? [(0, r)] : [],
            Scratch = scratch.Bytes == 0 ? [] : [scratch],
        });
    }

    // Four bits stay four bits: the numbers are only put in the order in which they are read.
    private Slot Packed(Int4Product product, Planner planner) => planner.Derive(_numbers, $"int4 panels of {_scales.Name} along {_columnAxis}", () =>
    {
        var (numbers, scales) = (planner.Read(_numbers), _hasZero is null ? planner.Read(_scales) : planner.Constant($"{_numbers.Name}.unit", Tensor.Vector(1f)));
        var zeros = _zeros is null ? null : planner.Constant($"{_numbers.Name}.zeros", _zeros);
        var packed = new Slot($"{_numbers.Name}.packed", DType.Int32, Shape.Create([checked((int)product.PackedSize)]), Layout.RowMajor, SlotHome.Arena, product.PackedSize * sizeof(int));
        var (columnStride, depthStride) = _columnAxis == 0 ? (Depth, 1) : (1, Columns);
        planner.Emit(new Step(_numbers.Name, "gemm.int4.pack", [numbers, scales, .. zeros is null ? [] : (Slot[])[zeros]], [packed], context => product.Pack(context.Pool, new Int4Matrix
        {
            IsInBytes = _hasZero is not null, Numbers = numbers.Address, DepthStride = depthStride, ColumnStride = columnStride,
            Scales = scales.Floats, Zeros = zeros is null ? null : zeros.Floats, ScaleBlockStride = _scaleStrides.Block, ScaleColumnStride = _scaleStrides.Column,
        }, packed.Floats)));
        return packed;
    });

    // The 16 floats that indices stand for; null if the numbers are no indices.
    private Slot? Table(Planner planner) => _hasZero is not { } hasZero ? null : planner.Derive(_scales, $"table from {(hasZero ? 1 : 0)}", () =>
    {
        var (centroids, clusters) = (planner.Read(_scales), _scales.Shape.Count);
        var table = new Slot($"{_scales.Name}.table", DType.Float32, [CodebookTable.Entries], Layout.RowMajor, SlotHome.Arena, CodebookTable.Entries * sizeof(float));
        planner.Emit(new Step(_scales.Name, "codebook.table", [centroids], [table], _ => CodebookTable.Fill(table.Floats, centroids.Floats, clusters, hasZero ? 1 : 0)));
        return table;
    });

    private static bool TryZeros(Node node, out Tensor? zeros)
    {
        zeros = null;
        if (node.Inputs.Count < 3 || node.Inputs[2] is not { } value) return true;
        if (value is not { IsUpdated: false, Data: { } numbers }) return false;
        if (numbers.ToInt64().AsSpan().ContainsAnyExcept(0)) zeros = numbers.Cast(DType.Float32);
        return true;
    }
}
