using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ParameterUpdateTests : IDisposable
{
    private const float Rate = 0.1f, Decay = 0.01f;
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SgdFollowsItsEquations(bool nesterov) => Steps(
        (n, w, g, a, b, _) => ParameterUpdate.Sgd(pool, n, (float*)w, (float*)g, (float*)a, Rate, 0.9f, Decay, nesterov),
        (s, g, _) =>
        {
            g += Decay * s.Weight;
            s.First = (0.9f * s.First) + g;
            s.Weight -= Rate * (nesterov ? g + (0.9f * s.First) : s.First);
        });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AdamFollowsItsEquations(bool decoupled) => Steps(
        (n, w, g, a, b, t) => ParameterUpdate.Adam(
            pool, n, (float*)w, (float*)g, (float*)a, (float*)b, t, Rate, 0.9f, 0.99f, 1e-3f, Decay, decoupled),
        (s, g, t) =>
        {
            if (decoupled)
                s.Weight -= Rate * Decay * s.Weight;
            else
                g += Decay * s.Weight;
            s.First = (0.9f * s.First) + ((1 - 0.9f) * g);
            s.Second = (0.99f * s.Second) + ((1 - 0.99f) * g * g);
            s.Weight -= Rate * s.First / (1 - Math.Pow(0.9f, t)) / (Math.Sqrt(s.Second / (1 - Math.Pow(0.99f, t))) + 1e-3f);
        });

    [Fact]
    public void RmsPropFollowsItsEquations() => Steps(
        (n, w, g, a, b, _) => ParameterUpdate.RmsProp(pool, n, (float*)w, (float*)g, (float*)a, (float*)b, Rate, 0.9f, 0.5f, 1e-2f, Decay),
        (s, g, _) =>
        {
            g += Decay * s.Weight;
            s.Second = (0.9f * s.Second) + ((1 - 0.9f) * g * g);
            s.First = (0.5f * s.First) + (g / (Math.Sqrt(s.Second) + 1e-2f));
            s.Weight -= Rate * s.First;
        });

    private delegate void Update(int count, nint weights, nint gradient, nint first, nint second, int iteration);

    private static void Steps(Update update, Action<State, double, int> reference)
    {
        for (var n = 0; n <= Given.LongestTail; n++)
        {
            using var w = Given.Floats(n, 1);
            using var first = new GuardedBuffer<float>(n);
            using var second = new GuardedBuffer<float>(n);
            var states = new State[n];
            for (var i = 0; i < n; i++)
                states[i] = new State { Weight = w[i] };
            for (var t = 1; t <= 3; t++)
            {
                using var g = Given.Floats(n, 10 + t);
                update(n, (nint)w.Pointer, (nint)g.Pointer, (nint)first.Pointer, (nint)second.Pointer, t);
                for (var i = 0; i < n; i++)
                    reference(states[i], g[i], t);
            }
            Given.Near(Array.ConvertAll(states, s => s.Weight), w.Span, 1e-5, $"{n} weights");
        }
    }

    private sealed class State
    {
        public double Weight { get; set; }

        public double First { get; set; }

        public double Second { get; set; }
    }
}
