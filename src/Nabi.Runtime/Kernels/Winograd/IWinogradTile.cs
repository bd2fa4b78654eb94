using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>
/// The one-dimensional transforms of a minimal filtering algorithm F(m, 3) with channels in the lanes. Applied to the rows and then to the columns of
/// a tile they are its two-dimensional transforms.
/// </summary>
/// <remarks>
/// A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4.1: for a tile d of the image and a filter g,
/// Y = A^T [ (G g G^T) * (B^T d B) ] A, where * multiplies element by element. Summed over channels, each of the (m + 2)^2 elements is a matrix product.
/// Each transform reads registers <c>step</c> floats apart and writes registers <c>targetStep</c> floats apart.
/// </remarks>
internal unsafe interface IWinogradTile
{
    /// <summary>Outputs along an axis, m.</summary>
    static abstract int Outputs { get; }

    /// <summary>Points along an axis at which the products are taken, and pixels of the image a tile sees: m + 2.</summary>
    static abstract int Points { get; }

    /// <summary>B^T d: m + 2 registers from m + 2.</summary>
    static abstract void Input<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;

    /// <summary>G g: m + 2 registers from 3.</summary>
    static abstract void Filter<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;

    /// <summary>A^T y: m registers from m + 2.</summary>
    static abstract void Output<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

/// <summary>F(2, 3) with the points 0, 1, -1 and infinity (Lavin and Gray, section 4.1).</summary>
internal readonly unsafe struct WinogradTile2 : IWinogradTile
{
    public static int Outputs => 2;

    public static int Points => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (d0, d1, d2, d3) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)), L.Load(source + (3 * step)));
        L.Store(L.Subtract(d0, d2), target);
        L.Store(L.Add(d1, d2), target + targetStep);
        L.Store(L.Subtract(d2, d1), target + (2 * targetStep));
        L.Store(L.Subtract(d1, d3), target + (3 * targetStep));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (g0, g1, g2) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        var half = L.Fill(0.5f);
        var (even, odd) = (L.Multiply(half, L.Add(g0, g2)), L.Multiply(half, g1));
        L.Store(g0, target);
        L.Store(L.Add(even, odd), target + targetStep);
        L.Store(L.Subtract(even, odd), target + (2 * targetStep));
        L.Store(g2, target + (3 * targetStep));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (m0, m1, m2, m3) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)), L.Load(source + (3 * step)));
        L.Store(L.Add(m0, L.Add(m1, m2)), target);
        L.Store(L.Subtract(L.Subtract(m1, m2), m3), target + targetStep);
    }
}

/// <summary>F(4, 3) with the points 0, a, -a, 1/a, -1/a and infinity, a = 2/3.</summary>
/// <remarks>
/// Lavin and Gray (section 4.3) take the points 0, 1, -1, 2, -2. Points of the form a, -a, 1/a, -1/a cancel more (S. A. Alam, A. Anderson, B. Barabasz,
/// D. Gregg, "Winograd Convolution for Deep Neural Networks: Efficient Point Selection", 2022): errors are half as large, about twice those of a direct
/// convolution, and one multiplication less is needed because the product of their squares is 1. The polynomial whose zeros the finite points are is
/// x (x^2 - a^2) (x^2 - 1/a^2); the rows of B^T are its coefficients divided by (x - point), those of A^T the powers of the points, and those of G the
/// powers divided by the product of the point's distances from the others.
/// </remarks>
internal readonly unsafe struct WinogradTile4 : IWinogradTile
{
    private const double Point = 2.0 / 3.0;
    private const double Square = Point * Point;

    private const float A = (float)Point;
    private const float B = (float)(1 / Point);
    private const float A2 = (float)Square;
    private const float B2 = (float)(1 / Square);
    private const float A3 = (float)(Point * Square);
    private const float B3 = (float)(1 / (Point * Square));

    /// <summary>Reciprocal of the product of the distances of a from the other points, of 1/a below.</summary>
    private const double WeightA = 1 / (2 * Square * (Square - (1 / Square)));
    private const double WeightB = 1 / (2 / Square * ((1 / Square) - Square));

    public static int Outputs => 4;

    public static int Points => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (d0, d1, d2) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        source += 3 * step;
        var (d3, d4, d5) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        var sum = L.Fill(-(float)(Square + (1 / Square)));
        L.Store(L.Add(d0, L.MultiplyAdd(sum, d2, d4)), target);
        L.Store(L.Add(d1, L.MultiplyAdd(sum, d3, d5)), target + (5 * targetStep));
        var (even, odd) = (L.MultiplyAdd(L.Fill(-B2), d2, d4), L.MultiplyAdd(L.Fill(-B2), d1, d3));
        target += targetStep;
        L.Store(L.MultiplyAdd(L.Fill(A), odd, even), target);
        L.Store(L.MultiplyAdd(L.Fill(-A), odd, even), target + targetStep);
        (even, odd) = (L.MultiplyAdd(L.Fill(-A2), d2, d4), L.MultiplyAdd(L.Fill(-A2), d1, d3));
        target += 2 * targetStep;
        L.Store(L.MultiplyAdd(L.Fill(B), odd, even), target);
        L.Store(L.MultiplyAdd(L.Fill(-B), odd, even), target + targetStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (g0, g1, g2) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        L.Store(g0, target);
        var even = L.MultiplyAdd(L.Fill((float)(WeightA * Square)), g2, L.Multiply(L.Fill((float)WeightA), g0));
        var odd = L.Multiply(L.Fill((float)(WeightA * Point)), g1);
        L.Store(L.Add(even, odd), target + targetStep);
        L.Store(L.Subtract(even, odd), target + (2 * targetStep));
        even = L.MultiplyAdd(L.Fill((float)(WeightB / Square)), g2, L.Multiply(L.Fill((float)WeightB), g0));
        odd = L.Multiply(L.Fill((float)(WeightB / Point)), g1);
        L.Store(L.Add(even, odd), target + (3 * targetStep));
        L.Store(L.Subtract(even, odd), target + (4 * targetStep));
        L.Store(g2, target + (5 * targetStep));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<L, V>(float* source, nint step, float* target, nint targetStep)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (m0, m1, m2) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        source += 3 * step;
        var (m3, m4, m5) = (L.Load(source), L.Load(source + step), L.Load(source + (2 * step)));
        var (evenA, oddA, evenB, oddB) = (L.Add(m1, m2), L.Subtract(m1, m2), L.Add(m3, m4), L.Subtract(m3, m4));
        L.Store(L.Add(m0, L.Add(evenA, evenB)), target);
        L.Store(L.MultiplyAdd(L.Fill(A), oddA, L.Multiply(L.Fill(B), oddB)), target + targetStep);
        target += 2 * targetStep;
        L.Store(L.MultiplyAdd(L.Fill(A2), evenA, L.Multiply(L.Fill(B2), evenB)), target);
        L.Store(L.MultiplyAdd(L.Fill(A3), oddA, L.MultiplyAdd(L.Fill(B3), oddB, m5)), target + targetStep);
    }
}
