namespace Nabi.Ops;

/// <summary>
/// The three sums of one convolution, y = x * w: forward, and the two gradients. Each is bilinear, and each is differentiated by
/// the other two. Everything is accumulated in double precision and has any number of spatial axes.
/// x is [N, C, spatial], w is [M, C/group, kernel], y is [N, M, windows].
/// </summary>
internal static class Convolution
{
    /// <summary>y[n, m, o] = b[m] + sum over c, t of x[n, c, tap(o, t)] w[m, c, t].</summary>
    public static Tensor Forward(Tensor x, Tensor w, Tensor? bias, ResolvedWindow window, int group)
    {
        var y = Tensor.Zeros(DType.Float64, Joined(x.Shape[0], w.Shape[0], window.Output));
        var loops = new Loops(window, group, x.Shape[1], w.Shape[0]);
        for (var n = 0; n < x.Shape[0]; n++)
            loops.Forward(Doubles(x), Doubles(w), y.Span<double>(), n);
        if (bias is not null) AddPerChannel(y, Doubles(bias));
        return y;
    }

    /// <summary>dx[n, c, i] = sum over m, o, t with tap(o, t) = i of dy[n, m, o] w[m, c, t].</summary>
    public static Tensor InputGradient(Tensor dy, Tensor w, ResolvedWindow window, int group)
    {
        var channels = w.Shape[1] * group;
        var dx = Tensor.Zeros(DType.Float64, Joined(dy.Shape[0], channels, window.Input));
        var loops = new Loops(window, group, channels, w.Shape[0]);
        for (var n = 0; n < dy.Shape[0]; n++)
            loops.InputGradient(Doubles(dy), Doubles(w), dx.Span<double>(), n);
        return dx;
    }

    /// <summary>dw[m, c, t] = sum over n, o of dy[n, m, o] x[n, c, tap(o, t)].</summary>
    public static Tensor WeightGradient(Tensor x, Tensor dy, ResolvedWindow window, int group)
    {
        var dw = Tensor.Zeros(DType.Float64, Joined(dy.Shape[1], x.Shape[1] / group, window.Kernel));
        var loops = new Loops(window, group, x.Shape[1], dy.Shape[1]);
        for (var n = 0; n < x.Shape[0]; n++)
            loops.WeightGradient(Doubles(x), Doubles(dy), dw.Span<double>(), n);
        return dw;
    }

    /// <summary>Two leading sizes and the spatial ones.</summary>
    public static Shape Joined(int first, int second, ValueArray<int> spatial) => Shape.Create([first, second, .. spatial.Span]);

    /// <summary>Checks x against w and gives [N, M, windows].</summary>
    public static Shape OutputShape(Shape x, Shape w, ResolvedWindow window, int group)
    {
        if (group < 1) throw new NabiException($"group is {group} but must be 1 or more");
        if (x[1] != Shape.Unknown && w[1] != Shape.Unknown && x[1] != (long)w[1] * group)
            throw new NabiException($"an input of {x[1]} channels in {group} groups does not fit a weight of shape {w}, which takes {(long)w[1] * group}");
        if (w[0] != Shape.Unknown && w[0] % group != 0)
            throw new NabiException($"{w[0]} output channels cannot be divided into {group} groups");
        return Joined(x[0], w[0], window.Output);
    }

    /// <summary>Adds one number per channel to [N, C, ...].</summary>
    public static void AddPerChannel(Tensor y, ReadOnlySpan<double> bias)
    {
        var span = y.Span<double>();
        var inner = y.Shape.CountOf(2, y.Shape.Rank);
        for (var i = 0; i < span.Length; i++) span[i] += bias[i / inner % bias.Length];
    }

    private static ReadOnlySpan<double> Doubles(Tensor tensor) =>
        tensor.DType == DType.Float64 ? tensor.Span<double>() : throw new InvalidOperationException("The sums take double precision.");

    private readonly struct Loops(ResolvedWindow window, int group, int channels, int filters)
    {
        private readonly int[] _taps = window.Taps();
        private readonly int _inputs = window.InputCount;
        private readonly int _outputs = window.OutputCount;
        private readonly int _kernel = window.TapCount;
        private readonly int _channels = channels / group;
        private readonly int _filters = filters / group;

        public void Forward(ReadOnlySpan<double> x, ReadOnlySpan<double> w, Span<double> y, int n)
        {
            for (var m = 0; m < filters; m++)
                for (var o = 0; o < _outputs; o++)
                {
                    var sum = 0.0;
                    for (var c = 0; c < _channels; c++)
                    {
                        var plane = x.Slice(Plane(n, m, c), _inputs);
                        var taps = w.Slice((m * _channels + c) * _kernel, _kernel);
                        for (var t = 0; t < _kernel; t++)
                            if (_taps[o * _kernel + t] is >= 0 and var at) sum += plane[at] * taps[t];
                    }
                    y[(n * filters + m) * _outputs + o] = sum;
                }
        }

        public void InputGradient(ReadOnlySpan<double> dy, ReadOnlySpan<double> w, Span<double> dx, int n)
        {
            for (var m = 0; m < filters; m++)
                for (var c = 0; c < _channels; c++)
                {
                    var plane = dx.Slice(Plane(n, m, c), _inputs);
                    var taps = w.Slice((m * _channels + c) * _kernel, _kernel);
                    for (var o = 0; o < _outputs; o++)
                        for (var t = 0; t < _kernel; t++)
                            if (_taps[o * _kernel + t] is >= 0 and var at) plane[at] += dy[(n * filters + m) * _outputs + o] * taps[t];
                }
        }

        public void WeightGradient(ReadOnlySpan<double> x, ReadOnlySpan<double> dy, Span<double> dw, int n)
        {
            for (var m = 0; m < filters; m++)
                for (var c = 0; c < _channels; c++)
                {
                    var plane = x.Slice(Plane(n, m, c), _inputs);
                    var taps = dw.Slice((m * _channels + c) * _kernel, _kernel);
                    for (var o = 0; o < _outputs; o++)
                        for (var t = 0; t < _kernel; t++)
                            if (_taps[o * _kernel + t] is >= 0 and var at) taps[t] += dy[(n * filters + m) * _outputs + o] * plane[at];
                }
        }

        // Where the plane of image n begins that filter m reads as its c-th channel.
        private int Plane(int n, int m, int c) => (n * channels + m / _filters * _channels + c) * _inputs;
    }
}
