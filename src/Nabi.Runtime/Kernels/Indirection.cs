namespace Nabi.Runtime.Kernels;

/// <summary>Which input pixel each tap of each output pixel sees, as one table per axis; negative means padding.</summary>
/// <remarks>
/// <para>After M. Dukhan, "The Indirect Convolution Algorithm" (2019), section 3, with the buffer factored into rows and columns: the
/// address is row offset + column offset, so the tables stay in the first-level cache for any image size.</para>
/// <para>The forward direction has one phase. The transposed direction (transposed convolution, gradient with respect to the input) is
/// a gather too: output pixels are divided into stride x stride phases, and within a phase every pixel sees the same subset of taps.</para>
/// </remarks>
internal sealed class Indirection
{
    private Indirection(AxisPhase[] vertical, AxisPhase[] horizontal)
    {
        Vertical = vertical;
        Horizontal = horizontal;
    }

    /// <summary>Row phases; offsets count rows.</summary>
    public AxisPhase[] Vertical { get; }

    /// <summary>Column phases; offsets count columns.</summary>
    public AxisPhase[] Horizontal { get; }

    /// <summary>Whether some output pixel sees padding.</summary>
    public bool SeesPadding => Vertical.Any(p => p.SeesPadding) || Horizontal.Any(p => p.SeesPadding);

    /// <summary>Each output pixel gathers its window.</summary>
    public static Indirection Forward(in WindowShape w) => new(
        [AxisPhase.Forward(w.OutHeight, w.Height, w.KernelHeight, w.StrideHeight, w.DilationHeight, w.PadTop)],
        [AxisPhase.Forward(w.OutWidth, w.Width, w.KernelWidth, w.StrideWidth, w.DilationWidth, w.PadLeft)]);

    /// <summary>Each pixel of the window's input gathers the windows that saw it.</summary>
    public static Indirection Transposed(in WindowShape w) => new(
        AxisPhase.Transposed(w.OutHeight, w.Height, w.KernelHeight, w.StrideHeight, w.DilationHeight, w.PadTop),
        AxisPhase.Transposed(w.OutWidth, w.Width, w.KernelWidth, w.StrideWidth, w.DilationWidth, w.PadLeft));
}

/// <summary>Along one axis, the outputs first, first + step, ... and the taps they have in common.</summary>
internal sealed class AxisPhase
{
    private AxisPhase(int first, int step, int count, int[] taps)
    {
        First = first;
        Step = step;
        Count = count;
        Taps = taps;
        Offsets = GC.AllocateArray<int>(Math.Max(1, count * taps.Length), pinned: true);
    }

    /// <summary>First output position.</summary>
    public int First { get; }

    /// <summary>Positions between outputs.</summary>
    public int Step { get; }

    /// <summary>Outputs in this phase.</summary>
    public int Count { get; }

    /// <summary>Positions in the kernel, in the order of accumulation.</summary>
    public int[] Taps { get; }

    /// <summary>Input positions from one tap to the next.</summary>
    public int TapStep { get; private init; } = 1;

    /// <summary>Pinned: input position of output i under tap t at [i * taps + t], or -1.</summary>
    public int[] Offsets { get; }

    /// <summary>Outputs [InteriorStart, InteriorEnd) see no padding.</summary>
    public (int Start, int End) Interior { get; private set; }

    /// <summary>Whether some output sees padding.</summary>
    public bool SeesPadding => Interior != (0, Count);

    public static AxisPhase Forward(int outputs, int inputs, int kernel, int stride, int dilation, int pad)
    {
        var taps = new int[kernel];
        for (var t = 0; t < kernel; t++)
            taps[t] = t;
        var phase = new AxisPhase(0, 1, outputs, taps) { TapStep = dilation };
        phase.Fill((o, t) => (o * stride) + (t * dilation) - pad, inputs);
        return phase;
    }

    /// <summary>One phase per residue of the stride; the inputs are the positions of the window's output.</summary>
    public static AxisPhase[] Transposed(int inputs, int outputs, int kernel, int stride, int dilation, int pad)
    {
        var phases = new AxisPhase[Math.Min(stride, outputs)];
        for (var p = 0; p < phases.Length; p++)
        {
            // From the last tap on: their positions then ascend, a fixed step apart, as in the forward direction.
            var taps = new List<int>();
            for (var t = kernel - 1; t >= 0; t--)
            {
                if ((p + pad - (t * dilation)) % stride == 0)
                    taps.Add(t);
            }
            phases[p] = new AxisPhase(p, stride, (outputs - p + stride - 1) / stride, [.. taps]) { TapStep = dilation / Divisor(dilation, stride) };
            phases[p].Fill((o, t) => (o + pad - (t * dilation)) / stride, inputs, (o, t) => o + pad - (t * dilation) >= 0);
        }
        return phases;
    }

    private static int Divisor(int a, int b) => b == 0 ? a : Divisor(b, a % b);

    private void Fill(Func<int, int, int> position, int inputs, Func<int, int, bool>? exists = null)
    {
        var (start, end) = (Count, 0);
        for (var i = 0; i < Count; i++)
        {
            var output = First + (i * Step);
            var inside = true;
            for (var t = 0; t < Taps.Length; t++)
            {
                var at = exists is null || exists(output, Taps[t]) ? position(output, Taps[t]) : -1;
                var valid = at >= 0 && at < inputs;
                inside &= valid;
                Offsets[(i * Taps.Length) + t] = valid ? at : -1;
            }
            if (inside)
            {
                start = Math.Min(start, i);
                end = i + 1;
            }
        }
        Interior = start < end ? (start, end) : (0, 0);
    }
}
