using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>8-bit NHWC images times one number per channel, as squeeze and excitation ends.</summary>
/// <remarks>
/// y = clamp(zero_y + round(m (x - zero_x) (gate - zero_gate)), low, high) with m = scale_x scale_gate / scale_y, the product rounded once by
/// <see cref="Requantizer"/>.
/// </remarks>
internal readonly unsafe struct QuantizedGate
{
    /// <summary>Images.</summary>
    public int Batch { get; init; }

    /// <summary>Pixels of an image.</summary>
    public int Pixels { get; init; }

    /// <summary>Channels.</summary>
    public int Channels { get; init; }

    /// <summary>Format of the images.</summary>
    public QuantizedFormat Input { get; init; }

    /// <summary>Format of the numbers.</summary>
    public QuantizedFormat Gate { get; init; }

    /// <summary>Format of the result.</summary>
    public QuantizedFormat Output { get; init; }

    /// <summary>Lower limit of stored results.</summary>
    public int Low { get; init; }

    /// <summary>Upper limit of stored results.</summary>
    public int High { get; init; }

    /// <summary>The multiplier.</summary>
    public Requantizer Rule => Requantizer.Of((double)Input.Scale * Gate.Scale / Output.Scale);

    /// <summary>Multiplies.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="x">[Batch, Pixels, Channels].</param>
    /// <param name="gates">[Batch, Channels].</param>
    /// <param name="y">[Batch, Pixels, Channels]; must not overlap the others.</param>
    public void Run(WorkPool pool, byte* x, byte* gates, byte* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new Kernel { At = this, Rule = Rule, X = x, Gates = gates, Y = y };
        pool.Run(ref kernel, 2L * Batch * Pixels * Channels);
    }

    private struct Kernel : IKernel
    {
        public QuantizedGate At;
        public Requantizer Rule;
        public byte* X;
        public byte* Gates;
        public byte* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var channels = At.Channels;
            var range = new QuantizedRange(At.Output.ZeroPoint, At.Low, At.High);
            var (first, last) = WorkPool.Share(At.Batch * At.Pixels, worker, workers);
            for (var row = first; row < last; row++)
            {
                byte* x = X + ((long)row * channels), gates = Gates + ((long)(row / At.Pixels) * channels), y = Y + ((long)row * channels);
                // The last register overlaps the one before: short rows have no scalar tail.
                var c = 0;
                if (RequantizeLanes512.IsSupported && channels >= 16)
                {
                    var lanes = new RequantizeLanes512(Vector512.Create(Rule.Shift), range);
                    for (; c < channels; c += 16)
                        Sixteen(lanes, x, gates, y, Math.Min(c, channels - 16));
                }
                else if (RequantizeLanes256.IsSupported && channels >= 8)
                {
                    var lanes = new RequantizeLanes256(Vector256.Create(Rule.Shift), range);
                    for (; c < channels; c += 8)
                        Eight(lanes, x, gates, y, Math.Min(c, channels - 8));
                }
                for (; c < channels; c++)
                {
                    var product = (QuantizedFormat.Read(x + c, At.Input.IsSigned) - At.Input.ZeroPoint) * (QuantizedFormat.Read(gates + c, At.Gate.IsSigned) - At.Gate.ZeroPoint);
                    y[c] = (byte)Rule.Apply(product, range.ZeroPoint, range.Low, range.High);
                }
            }
        }

        private readonly void Sixteen(in RequantizeLanes512 lanes, byte* x, byte* gates, byte* y, int c)
        {
            var product = Wide(x + c, At.Input) * Wide(gates + c, At.Gate);
            var significand = Vector512.Create(Rule.Significand);
            lanes.Round(Avx512F.Multiply(product, significand), Avx512F.Multiply(RequantizeLanes512.Odd(product), significand)).Store(y + c);

            static Vector512<int> Wide(byte* at, in QuantizedFormat format)
            {
                var bytes = Vector128.Load(at);
                return (format.IsSigned ? Avx512F.ConvertToVector512Int32(bytes.AsSByte()) : Avx512F.ConvertToVector512Int32(bytes)) - Vector512.Create(format.ZeroPoint);
            }
        }

        private readonly void Eight(in RequantizeLanes256 lanes, byte* x, byte* gates, byte* y, int c)
        {
            var product = Wide(x + c, At.Input) * Wide(gates + c, At.Gate);
            var significand = Vector256.Create(Rule.Significand);
            *(ulong*)(y + c) = lanes.Round(Avx2.Multiply(product, significand), Avx2.Multiply(RequantizeLanes256.Odd(product), significand)).AsUInt64().ToScalar();

            static Vector256<int> Wide(byte* at, in QuantizedFormat format) =>
                (format.IsSigned ? Avx2.ConvertToVector256Int32((sbyte*)at) : Avx2.ConvertToVector256Int32(at)) - Vector256.Create(format.ZeroPoint);
        }
    }
}
