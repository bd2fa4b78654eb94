using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>One step of an optimizer on one parameter array, in place.</summary>
public static unsafe class ParameterUpdate
{
    /// <summary>Stochastic gradient descent: g += weightDecay * w; v = momentum * v + g; w -= rate * (nesterov ? g + momentum * v : v).</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="count">Elements.</param>
    /// <param name="weights">Parameters w.</param>
    /// <param name="gradient">Gradient, not changed.</param>
    /// <param name="velocity">State v, zero before the first step; null if momentum is 0.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="momentum">0 to 1.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="nesterov">Whether to look ahead.</param>
    public static void Sgd(
        WorkPool pool, long count, float* weights, float* gradient, float* velocity, float rate, float momentum, float weightDecay, bool nesterov)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var step = new SgdStep { Rate = rate, Momentum = momentum, Decay = weightDecay, Nesterov = nesterov };
        Run(pool, count, weights, gradient, velocity, null, step);
    }

    /// <summary>Adam (D. Kingma and J. Ba, 2015, algorithm 1), or AdamW with decay taken off the weights (I. Loshchilov and F. Hutter, 2019, algorithm 2).</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="count">Elements.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="gradient">Gradient, not changed.</param>
    /// <param name="first">First moment, zero before the first step.</param>
    /// <param name="second">Second moment, zero before the first step.</param>
    /// <param name="iteration">1 for the first step.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="weightDecay">Penalty; decoupled weights shrink by rate * weightDecay.</param>
    /// <param name="decoupled">Whether to use AdamW.</param>
    public static void Adam(
        WorkPool pool, long count, float* weights, float* gradient, float* first, float* second, long iteration, float rate, float beta1, float beta2,
        float epsilon, float weightDecay, bool decoupled)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThan(iteration, 1);
        var step = new AdamStep
        {
            Rate = (float)(rate / (1 - Math.Pow(beta1, iteration))),
            SecondScale = (float)(1 / (1 - Math.Pow(beta2, iteration))),
            Beta1 = beta1,
            Beta2 = beta2,
            Epsilon = epsilon,
            Penalty = decoupled ? 0f : weightDecay,
            Shrink = decoupled ? 1f - (rate * weightDecay) : 1f,
        };
        Run(pool, count, weights, gradient, first, second, step);
    }

    /// <summary>RMSProp: s = decay * s + (1 - decay) * g^2; v = momentum * v + g / (sqrt(s) + epsilon); w -= rate * v.</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="count">Elements.</param>
    /// <param name="weights">Parameters.</param>
    /// <param name="gradient">Gradient, not changed.</param>
    /// <param name="velocity">State v, zero before the first step; null if momentum is 0.</param>
    /// <param name="squares">State s, zero before the first step.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="decay">Decay of s.</param>
    /// <param name="momentum">0 to 1.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    public static void RmsProp(
        WorkPool pool, long count, float* weights, float* gradient, float* velocity, float* squares, float rate, float decay, float momentum, float epsilon,
        float weightDecay)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var step = new RmsPropStep { Rate = rate, Decay = decay, Momentum = momentum, Epsilon = epsilon, Penalty = weightDecay };
        Run(pool, count, weights, gradient, velocity, squares, step);
    }

    private static void Run<TStep>(WorkPool pool, long count, float* weights, float* gradient, float* first, float* second, TStep step)
        where TStep : unmanaged, IStep
    {
        var kernel = new Kernel<TStep> { Count = count, Weights = weights, Gradient = gradient, First = first, Second = second, Step = step };
        pool.Run(ref kernel, 4 * count);
    }

    private interface IStep
    {
        V Take<L, V>(V weight, V gradient, ref V first, ref V second)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    private struct Kernel<TStep> : IKernel
        where TStep : unmanaged, IStep
    {
        public long Count;
        public float* Weights;
        public float* Gradient;
        public float* First;
        public float* Second;
        public TStep Step;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (start, end) = WorkPool.ShareLines(Count, worker, workers);
            float* weights = Weights, gradient = Gradient, first = First, second = Second;
            var step = Step;
            for (var i = start; i < end; i += L.Count)
            {
                var left = end - i;
                var one = first is null ? default : Simd.Load<L, V>(first + i, left);
                var other = second is null ? default : Simd.Load<L, V>(second + i, left);
                var weight = step.Take<L, V>(Simd.Load<L, V>(weights + i, left), Simd.Load<L, V>(gradient + i, left), ref one, ref other);
                Simd.Store<L, V>(weight, weights + i, left);
                if (first is not null) Simd.Store<L, V>(one, first + i, left);
                if (second is not null) Simd.Store<L, V>(other, second + i, left);
            }
        }
    }

    private struct SgdStep : IStep
    {
        public float Rate;
        public float Momentum;
        public float Decay;
        public bool Nesterov;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly V Take<L, V>(V weight, V gradient, ref V first, ref V second)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var g = L.MultiplyAdd(weight, L.Fill(Decay), gradient);
            first = L.MultiplyAdd(first, L.Fill(Momentum), g);
            var move = Nesterov ? L.MultiplyAdd(first, L.Fill(Momentum), g) : first;
            return L.MultiplyAdd(move, L.Fill(-Rate), weight);
        }
    }

    private struct AdamStep : IStep
    {
        public float Rate;
        public float SecondScale;
        public float Beta1;
        public float Beta2;
        public float Epsilon;
        public float Penalty;
        public float Shrink;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly V Take<L, V>(V weight, V gradient, ref V first, ref V second)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var g = L.MultiplyAdd(weight, L.Fill(Penalty), gradient);
            first = L.MultiplyAdd(first, L.Fill(Beta1), L.Multiply(g, L.Fill(1f - Beta1)));
            second = L.MultiplyAdd(second, L.Fill(Beta2), L.Multiply(L.Multiply(g, g), L.Fill(1f - Beta2)));
            var root = L.Add(L.Sqrt(L.Multiply(second, L.Fill(SecondScale))), L.Fill(Epsilon));
            return L.Subtract(L.Multiply(weight, L.Fill(Shrink)), L.Divide(L.Multiply(first, L.Fill(Rate)), root));
        }
    }

    private struct RmsPropStep : IStep
    {
        public float Rate;
        public float Decay;
        public float Momentum;
        public float Epsilon;
        public float Penalty;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly V Take<L, V>(V weight, V gradient, ref V first, ref V second)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var g = L.MultiplyAdd(weight, L.Fill(Penalty), gradient);
            second = L.MultiplyAdd(second, L.Fill(Decay), L.Multiply(L.Multiply(g, g), L.Fill(1f - Decay)));
            first = L.MultiplyAdd(first, L.Fill(Momentum), L.Divide(g, L.Add(L.Sqrt(second), L.Fill(Epsilon))));
            return L.MultiplyAdd(first, L.Fill(-Rate), weight);
        }
    }
}
