using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>[m, k] times a packed [k, n] of 4-bit numbers with scales per block of rows, or of 4-bit indices into a table.</summary>
internal sealed unsafe class Int4ProductCase(int m, int n, int k, int block, bool shared = false) : KernelCase
{
    private readonly Int4Product _product = new(n, k, block, hasZeros: false);
    private float* _a, _c, _packed, _scratch, _table;

    public override double Operations => 2.0 * m * n * k;

    internal override void Prepare(WorkPool pool)
    {
        _a = Allocate((long)m * k);
        _c = Allocate((long)m * n);
        _packed = Allocate(_product.PackedSize);
        _scratch = Allocate(Int4Product.ScratchSize(m, k, pool.Workers));
        if (shared) _table = Allocate(16);
        var numbers = AllocateBytes((long)n * k / 2);
        _product.Pack(pool, new()
        {
            Numbers = numbers, DepthStride = n, ColumnStride = 1, Scales = Allocate((long)n * ((k / block) + 1)), Zeros = null, ScaleBlockStride = n, ScaleColumnStride = 1,
        }, _packed);
    }

    internal override void Run(WorkPool pool) => _product.Run(pool, m, _a, k, _packed, _c, n, default, _scratch, _table);
}
