using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Gemm = Nabi.Runtime.Kernels.Gemm;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Matrix products.</summary>
internal static unsafe class MatrixLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(MatMul)] = LowerMatMul;
        table[typeof(Ops.Gemm)] = LowerGemm;
    }

    // Alpha A' B' + Beta C: C is a bias per column or a residual where its shape and Beta allow, nothing else is taken.
    private static bool LowerGemm(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, op, result) = (group[0], (Ops.Gemm)group[0].Op, group[^1].Output);
        var (left, right) = (node.Inputs[0]!, node.Inputs[1]!);
        var addend = node.Inputs.Count > 2 ? node.Inputs[2] : null;
        if (result.DType != DType.Float32 || result.Shape.Count == 0 || op.Alpha != 1 || (addend is not null && op.Beta != 1)) return false;
        var shape = new ProductShape(result.Shape[0], result.Shape[1], left.Shape[op.TransA ? 0 : 1]);
        var isBias = addend is { Shape.Rank: > 0 } && addend.Shape.Count == shape.N && addend.Shape[-1] == shape.N;
        if (addend is not null && !isBias && (!addend.Shape.Equals(result.Shape) || group.Any(n => n.Op is Add))) return false;
        var (bias, residual) = (isBias ? planner.Read(addend!) : null, addend is not null && !isBias ? planner.Read(addend) : null);
        if ((addend is null || isBias) && BitProduct.TryEmit(group, planner, BitProduct.RowsOf(shape)))
            return true;
        if (!op.TransA && Int4Weights.Of(right, op.TransB ? 0 : 1, shape.M) is { } weights)
            EmitInt4(group, planner, weights, shape.M, planner.Read(left), bias, residual);
        else if (op is { TransA: true, TransB: false })
            EmitTransposed(group, planner, shape, planner.Read(left), planner.Read(right), bias, residual);
        else if (!op.TransA && SparseWeights.Of(right, op.TransB ? 0 : 1) is { } sparse)
            EmitSparse(group, planner, shape, sparse, planner.Read(left), right, op.TransB, bias, residual);
        else
            EmitProduct(group, planner, shape, op.TransA ? Transposed(left, planner) : planner.Read(left), Packed(right, shape.N, shape.K, op.TransB, planner), bias, residual);
        return true;
    }

    // A^T B with both as they are stored: the weight gradient of a dense layer.
    private static void EmitTransposed(IReadOnlyList<Node> group, Planner planner, ProductShape shape, Slot a, Slot b, Slot? bias, Slot? residual)
    {
        var epilogue = Epilogues.Plan(group, planner, Layout.RowMajor);
        epilogue.Bias ??= bias;
        epilogue.Residual ??= residual;
        var output = planner.Define(group[^1].Output);
        var (m, n, k) = shape;
        var scratch = Planner.Scratch(group[0].Name, DType.Float32, Gemm.TransposedScratchSize(n, planner.Options.Threads));
        planner.Emit(new Step(string.Join('+', group.Select(x => x.Name)), $"gemm.transposed{epilogue.Suffix}", [a, b, .. epilogue.Slots], [output], context =>
            Gemm.RunTransposed(context.Pool, m, n, k, a.Floats, m, b.Floats, n, output.Floats, n, epilogue.Now(output, n), scratch.Floats))
        {
            Macs = (long)m * n * k,
            Scratch = [scratch],
        });
    }

    private static Slot Transposed(Value matrix, Planner planner) => planner.Derive(matrix, "transposed", () =>
    {
        var (rows, columns) = (matrix.Shape[0], matrix.Shape[1]);
        var (source, target) = (planner.Read(matrix), new Slot($"{matrix.Name}.transposed", new TensorType(matrix.DType, [columns, rows]), Layout.RowMajor, SlotHome.Arena));
        planner.Emit(LayoutLowering.Rearrange(matrix.Name, "copy.Transpose", source, target, [columns, rows], [1, columns], [columns == 0 ? 1 : rows, 1]));
        return target;
    });

    private static bool LowerMatMul(IReadOnlyList<Node> group, Planner planner)
    {
        var (left, right, result) = (group[0].Inputs[0]!, group[0].Inputs[1]!, group[^1].Output);
        if (result.DType != DType.Float32 || result.Shape.Count == 0) return false;
        var (a, b) = (AsMatrix(left.Shape, isLeft: true), AsMatrix(right.Shape, isLeft: false));
        var (m, k, n) = (a[-2], a[-1], b[-1]);
        if (right.Shape.Rank <= 2)
        {
            // One right matrix for all rows: the leading axes of the left are rows too.
            var rows = left.Shape.Count / Math.Max(1, k);
            if (BitProduct.TryEmit(group, planner, BitProduct.RowsOf(new ProductShape(rows, n, k))))
                return true;
            if (Int4Weights.Of(right, columnAxis: 1, rows) is { } weights)
                EmitInt4(group, planner, weights, rows, planner.Read(left));
            else if (SparseWeights.Of(right, columnAxis: 1) is { } sparse && right.Shape.Rank == 2)
                EmitSparse(group, planner, new ProductShape(rows, n, k), sparse, planner.Read(left), right, transposed: false);
            else
                EmitProduct(group, planner, new ProductShape(rows, n, k), planner.Read(left), Packed(right, n, k, transposed: false, planner));
            return true;
        }
        if (group.Count > 1) return false;
        BatchedProductLowering.Emit(group[0], planner, new ProductShape(m, n, k), a, b);
        return true;
    }

    /// <summary>The right matrix in the kernel's panels, packed once if it is constant.</summary>
    public static Slot Packed(Value right, int n, int k, bool transposed, Planner planner) => planner.Derive(right, transposed ? "panels of rows" : "panels", () =>
    {
        var source = planner.Read(right);
        var count = Gemm.PackedSize(n, k);
        var packed = new Slot($"{right.Name}.packed", DType.Float32, Shape.Create([checked((int)count)]), Layout.RowMajor, SlotHome.Arena, count * sizeof(float));
        planner.Emit(new Step(right.Name, "gemm.pack", [source], [packed], context =>
            Gemm.Pack(context.Pool, n, k, source.Floats, transposed ? k : n, transposed, packed.Floats)));
        return packed;
    });

    /// <summary>Emits result = epilogue(a x packed).</summary>
    public static void EmitProduct(IReadOnlyList<Node> group, Planner planner, ProductShape shape, Slot a, Slot packed, Slot? bias = null, Slot? residual = null)
    {
        var epilogue = Epilogues.Plan(group, planner, Layout.RowMajor);
        epilogue.Bias ??= bias;
        epilogue.Residual ??= residual;
        var output = planner.Define(group[^1].Output);
        var (m, n, k) = shape;
        planner.Emit(new Step(string.Join('+', group.Select(x => x.Name)), $"gemm{epilogue.Suffix}", [a, packed, .. epilogue.Slots], [output], context =>
            Gemm.Run(context.Pool, m, n, k, a.Floats, k, packed.Floats, output.Floats, n, epilogue.Now(output, n)))
        {
            Macs = (long)m * n * k,
            InPlace = epilogue.Residual is { } r ? [(0, r)] : [],
        });
    }

    // A constant right matrix with many zeros.
    private static void EmitSparse(
        IReadOnlyList<Node> group, Planner planner, ProductShape shape, SparseWeights sparse, Slot a, Value right, bool transposed, Slot? bias = null, Slot? residual = null)
    {
        var (m, n, k) = shape;
        var dense = new ConvKernel("dense", Gemm.PackedSize(n, k), 0,
            (pool, weights, packed) => Gemm.Pack(pool, n, k, weights, transposed ? k : n, transposed, packed),
            (WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* _) => Gemm.Run(pool, m, n, k, input, k, packed, output, n, epilogue))
        {
            InputSize = (long)m * k, OutputSize = (long)m * n, WeightSize = (long)n * k,
        };
        var kernel = sparse.ChooseProduct(dense, $"gemm {m}x{k} -> {n}", m, 0, 0, planner.Options.Threads, planner.Chooser);
        if (kernel == dense)
        {
            EmitProduct(group, planner, shape, a, Packed(right, n, k, transposed, planner), bias, residual);
            return;
        }
        var filters = planner.Read(right);
        var epilogue = Epilogues.Plan(group, planner, Layout.RowMajor);
        epilogue.Bias ??= bias;
        epilogue.Residual ??= residual;
        var packed = new Slot($"{right.Name}.packed", DType.Float32, Shape.Create([checked((int)kernel.PackedSize)]), Layout.RowMajor, SlotHome.Arena, kernel.PackedSize * sizeof(float));
        planner.Emit(new Step(right.Name, "gemm.pack", [filters], [packed], context => kernel.Pack(context.Pool, filters.Floats, packed.Floats)));
        var output = planner.Define(group[^1].Output);
        var scratch = Planner.Scratch(group[0].Name, DType.Float32, kernel.ScratchSize);
        planner.Emit(new Step(string.Join('+', group.Select(x => x.Name)), $"gemm.{kernel.Kind}{epilogue.Suffix}", [a, packed, .. epilogue.Slots], [output], context =>
            kernel.Run(context.Pool, a.Floats, packed.Floats, output.Floats, epilogue.Now(output, n), kernel.ScratchSize == 0 ? null : scratch.Floats))
        {
            Macs = (long)m * n * k,
            InPlace = epilogue.Residual is { } r ? [(0, r)] : [],
            Scratch = kernel.ScratchSize == 0 ? [] : [scratch],
        });
    }

    private static void EmitInt4(IReadOnlyList<Node> group, Planner planner, Int4Weights weights, int rows, Slot a, Slot? bias = null, Slot? residual = null)
    {
        var epilogue = Epilogues.Plan(group, planner, Layout.RowMajor);
        epilogue.Bias ??= bias;
        epilogue.Residual ??= residual;
        weights.Emit(string.Join('+', group.Select(x => x.Name)), planner, a, planner.Define(group[^1].Output), rows, epilogue);
    }

    private static Shape AsMatrix(Shape shape, bool isLeft) => shape.Rank > 1 ? shape : isLeft ? [1, shape[0]] : [shape[0], 1];
}

/// <summary>[M, K] x [K, N].</summary>
internal readonly record struct ProductShape(int M, int N, int K);
