using Nabi.Ops;

namespace Nabi;

/// <summary>Short names for functions, comparisons, activations and reductions.</summary>
public sealed partial class GraphBuilder
{
    /// <summary>x + number.</summary>
    public Value Add(Value x, double number) => Add(x, Scalar(number, x));

    /// <summary>number - x.</summary>
    public Value Sub(double number, Value x) => Sub(Scalar(number, x), x);

    /// <summary>x * number.</summary>
    public Value Mul(Value x, double number) => Mul(x, Scalar(number, x));

    /// <summary>x / number.</summary>
    public Value Div(Value x, double number) => Div(x, Scalar(number, x));

    /// <summary>x * x.</summary>
    public Value Square(Value x) => Mul(x, x);

    /// <summary>x to the power.</summary>
    public Value Pow(Value x, Value power) => Apply(new Pow(), x, power);

    /// <summary>x to the power.</summary>
    public Value Pow(Value x, double power) => Pow(x, Scalar(power, x));

    /// <summary>1 / x.</summary>
    public Value Reciprocal(Value x) => Apply(new Reciprocal(), x);

    /// <summary>|x|.</summary>
    public Value Abs(Value x) => Apply(new Abs(), x);

    /// <summary>-1, 0 or 1.</summary>
    public Value Sign(Value x) => Apply(new Sign(), x);

    /// <summary>The nearest whole number, halves to even.</summary>
    public Value Round(Value x) => Apply(new Round(), x);

    /// <summary><paramref name="value"/>, whose gradient goes to <paramref name="surrogate"/> instead; see <see cref="Ops.StraightThrough"/>.</summary>
    public Value StraightThrough(Value value, Value surrogate) => Apply(new StraightThrough(), value, surrogate);

    /// <summary>The largest whole number not above x.</summary>
    public Value Floor(Value x) => Apply(new Floor(), x);

    /// <summary>The sine.</summary>
    public Value Sin(Value x) => Apply(new Sin(), x);

    /// <summary>The cosine.</summary>
    public Value Cos(Value x) => Apply(new Cos(), x);

    /// <summary>The error function.</summary>
    public Value Erf(Value x) => Apply(new Erf(), x);

    /// <summary>The hyperbolic tangent.</summary>
    public Value Tanh(Value x) => Apply(new Tanh(), x);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public Value Sigmoid(Value x) => Apply(new Sigmoid(), x);

    /// <summary>ln(1 + exp(x)).</summary>
    public Value Softplus(Value x) => Apply(new Softplus(), x);

    /// <summary>x for x at least 0, <paramref name="alpha"/> x below.</summary>
    public Value LeakyRelu(Value x, float alpha = 0.01f) => Apply(new LeakyRelu { Alpha = alpha }, x);

    /// <summary>max(0, min(1, alpha x + beta)).</summary>
    public Value HardSigmoid(Value x, float alpha = 0.2f, float beta = 0.5f) => Apply(new HardSigmoid { Alpha = alpha, Beta = beta }, x);

    /// <summary>x max(0, min(1, x / 6 + 1/2)).</summary>
    public Value HardSwish(Value x) => Apply(new HardSwish(), x);

    /// <summary>x times the cumulative distribution of the standard normal at x.</summary>
    public Value Gelu(Value x) => Apply(new Gelu(), x);

    /// <summary>x between the limits; a limit that is not given does not bind.</summary>
    public Value Clip(Value x, double? min = null, double? max = null) =>
        Apply(new Clip(), x, min is { } low ? Scalar(low, x) : null, max is { } high ? Scalar(high, x) : null);

    /// <summary>The largest, element by element.</summary>
    public Value Max(params ReadOnlySpan<Value> values) => Apply(new Max(), values!);

    /// <summary>The smallest, element by element.</summary>
    public Value Min(params ReadOnlySpan<Value> values) => Apply(new Min(), values!);

    /// <summary>Is a the same as b?</summary>
    public Value Equal(Value a, Value b) => Apply(new Equal(), a, b);

    /// <summary>Is x the number?</summary>
    public Value Equal(Value x, double number) => Equal(x, Scalar(number, x));

    /// <summary>Is a above b?</summary>
    public Value Greater(Value a, Value b) => Apply(new Greater(), a, b);

    /// <summary>Is x above the number?</summary>
    public Value Greater(Value x, double number) => Greater(x, Scalar(number, x));

    /// <summary>Is a at least b?</summary>
    public Value GreaterOrEqual(Value a, Value b) => Apply(new GreaterOrEqual(), a, b);

    /// <summary>Is a below b?</summary>
    public Value Less(Value a, Value b) => Apply(new Less(), a, b);

    /// <summary>Is x below the number?</summary>
    public Value Less(Value x, double number) => Less(x, Scalar(number, x));

    /// <summary>Is a at most b?</summary>
    public Value LessOrEqual(Value a, Value b) => Apply(new LessOrEqual(), a, b);

    /// <summary>Are both true?</summary>
    public Value And(Value a, Value b) => Apply(new And(), a, b);

    /// <summary>Is at least one true?</summary>
    public Value Or(Value a, Value b) => Apply(new Or(), a, b);

    /// <summary>Is it false?</summary>
    public Value Not(Value x) => Apply(new Not(), x);

    /// <summary>a where the condition holds, else b, with broadcasting.</summary>
    public Value Where(Value condition, Value a, Value b) => Apply(new Where(), condition, a, b);

    /// <summary>x where the condition holds, else 0.</summary>
    public Value Masked(Value x, Value condition) => Where(condition, x, Scalar(0, x));

    /// <summary>exp(x) over the sum of exp(x) along the axis.</summary>
    public Value Softmax(Value x, int axis = -1) => Apply(new Softmax { Axis = axis }, x);

    /// <summary>The logarithm of the softmax along the axis.</summary>
    public Value LogSoftmax(Value x, int axis = -1) => Apply(new LogSoftmax { Axis = axis }, x);

    /// <summary>The index of the largest element along the axis, Int64.</summary>
    public Value ArgMax(Value x, int axis = -1, bool keepdims = false) => Apply(new ArgMax { Axis = axis, Keepdims = keepdims }, x);

    /// <summary>The mean over axes; no axes means all.</summary>
    public Value ReduceMean(Value x, ReadOnlySpan<int> axes, bool keepdims = true) => Reduce(new ReduceMean { Keepdims = keepdims }, x, axes);

    /// <summary>The largest element over axes; no axes means all.</summary>
    public Value ReduceMax(Value x, ReadOnlySpan<int> axes, bool keepdims = true) => Reduce(new ReduceMax { Keepdims = keepdims }, x, axes);

    /// <summary>The smallest element over axes; no axes means all.</summary>
    public Value ReduceMin(Value x, ReadOnlySpan<int> axes, bool keepdims = true) => Reduce(new ReduceMin { Keepdims = keepdims }, x, axes);

    /// <summary>The sum of squares over axes; no axes means all.</summary>
    public Value ReduceSumSquare(Value x, ReadOnlySpan<int> axes, bool keepdims = true) =>
        Reduce(new ReduceSumSquare { Keepdims = keepdims }, x, axes);

    /// <summary>The sum of magnitudes over axes; no axes means all.</summary>
    public Value ReduceL1(Value x, ReadOnlySpan<int> axes, bool keepdims = true) => Reduce(new ReduceL1 { Keepdims = keepdims }, x, axes);

    /// <summary>The Euclidean norm over axes; no axes means all.</summary>
    public Value ReduceL2(Value x, ReadOnlySpan<int> axes, bool keepdims = true) => Reduce(new ReduceL2 { Keepdims = keepdims }, x, axes);

    /// <summary>The logarithm of the sum of exponentials over axes; no axes means all.</summary>
    public Value ReduceLogSumExp(Value x, ReadOnlySpan<int> axes, bool keepdims = true) =>
        Reduce(new ReduceLogSumExp { Keepdims = keepdims }, x, axes);

    /// <summary>Sums of products over named axes, for example <c>bij,bjk->bik</c>.</summary>
    public Value Einsum(string equation, params ReadOnlySpan<Value> inputs) => Apply(new Einsum { Equation = equation }, inputs!);

    private Value Reduce(Reduction reduction, Value x, ReadOnlySpan<int> axes) => Apply(reduction, x, axes.IsEmpty ? null : Axes(axes));
}
