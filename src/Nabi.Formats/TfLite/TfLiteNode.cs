using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>One operator of a file while it is turned into nodes: what it reads, its attributes, and where its results go.</summary>
internal sealed class TfLiteNode(TfLiteValues values, TfLiteOperator op)
{
    /// <summary>The tensors.</summary>
    public TfLiteValues Values { get; } = values;

    /// <summary>The operator.</summary>
    public TfLiteOperator Operator { get; } = op;

    /// <summary>The graph that is built.</summary>
    public GraphBuilder Builder => Values.Builder;

    /// <summary>What its nodes are called: as its first output.</summary>
    public string Name { get; } = op.Outputs.Length > 0 ? TfLiteValues.NameOf(values.All[op.Outputs[0]].Tensor) : op.Name;

    /// <summary>Inputs, those left out among them.</summary>
    public int InputCount => Operator.Inputs.Length;

    /// <summary>Outputs.</summary>
    public int OutputCount => Operator.Outputs.Length;

    /// <summary>Is an input there?</summary>
    public bool Has(int input) => input < InputCount && Operator.Inputs[input] >= 0;

    /// <summary>A tensor it reads.</summary>
    /// <exception cref="NabiException">It is left out.</exception>
    public TfLiteValue In(int input) => Has(input) ? Values.All[Operator.Inputs[input]] : throw new NabiException($"its input {input} is missing");

    /// <summary>A tensor it makes.</summary>
    public TfLiteValue Out(int output = 0) => output < OutputCount ? Values.All[Operator.Outputs[output]] : throw new NabiException($"its output {output} is missing");

    /// <summary>An attribute.</summary>
    public int Int(int field, int absent = 0) => Operator.Options?.Int(field, absent) ?? absent;

    /// <summary>An attribute of one byte: flags and enumerations.</summary>
    public int Enum(int field) => Operator.Options?.Byte(field) ?? 0;

    /// <summary>An attribute.</summary>
    public float Float(int field, float absent = 0) => Operator.Options?.Float(field, absent) ?? absent;

    /// <summary>Numbers that must be known while reading: sizes, axes, pads.</summary>
    /// <exception cref="NabiException">They are computed by the model.</exception>
    public long[] Integers(int input)
    {
        var tensor = In(input);
        var data = tensor.Data ?? (tensor.IsDefined && !tensor.Tensor.IsQuantized ? Values.Stored(tensor, ImageLayout.Filed).Constant : null);
        return data?.ToInt64() ?? throw new NabiException($"its input {input} ('{tensor.Tensor.Name}') is computed while the model runs, which is not supported");
    }

    /// <summary>The number of dimensions of an input.</summary>
    public int Rank(int input) => In(input).Shape is { IsRanked: true } shape ? shape.Rank : throw new NabiException($"its input {input} has an unknown number of dimensions");

    /// <summary>An axis that may count from the end.</summary>
    public int Axis(long axis, int rank) => axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis) : throw new NabiException($"axis {axis} does not exist among {rank}");

    /// <summary>Channels first where an input that is computed already has them first and the result has four dimensions, too; else as filed.</summary>
    public ImageLayout Layout(params ReadOnlySpan<int> inputs)
    {
        if (Out().Tensor.Dims.Length != 4) return ImageLayout.Filed;
        foreach (var input in inputs)
            if (Has(input) && In(input) is { HasChannelsFirst: true, Data: null, Weights: null }) return ImageLayout.ChannelsFirst;
        return ImageLayout.Filed;
    }

    /// <summary>The real numbers of an input.</summary>
    public Value Real(int input, ImageLayout layout = ImageLayout.Filed) => Values.Real(In(input), layout);

    /// <summary>The stored numbers of an input.</summary>
    public Value Stored(int input, ImageLayout layout = ImageLayout.Filed) => Values.Stored(In(input), layout);

    /// <summary>The real numbers of an input that is broadcast with others, aligned at the last axis of the file's order.</summary>
    public Value Operand(int input, ImageLayout layout)
    {
        var tensor = In(input);
        var isSingle = tensor.Data is { Count: 1 };
        if (layout == ImageLayout.Filed || isSingle) return Values.Real(tensor, ImageLayout.Filed, trainable: !isSingle);
        if (tensor.Data is not null || tensor.Weights is not null) return Values.Weights(tensor, [0, 3, 1, 2], ("image", WithFourAxes));
        if (Rank(input) == 4) return Values.Real(tensor, layout);
        var real = Values.Real(tensor, ImageLayout.Filed);
        while (real.Shape.Rank < 4) real = Apply(new Unsqueeze(), "unsqueeze", real, Builder.Integers(0));
        return Apply(new Transpose { Perm = [0, 3, 1, 2] }, "transpose", real);
    }

    /// <summary>The weights it reads, with their axes in another order; see <see cref="TfLiteValues.Weights"/>.</summary>
    public Value Weights(int input, int[]? order, (string Name, Func<Tensor, Tensor> Of)? change = null) => Values.Weights(In(input), order, change, $"{Name}.weight");

    /// <summary>The bias it reads, or null.</summary>
    public Value? Bias(int input) => Has(input) ? Values.Bias(In(input), $"{Name}.bias") : null;

    /// <summary>Applies an operator with one output.</summary>
    /// <param name="op">The operator.</param>
    /// <param name="part">Added to the name; empty for the node that does the work.</param>
    /// <param name="inputs">What it reads.</param>
    public Value Apply(Op op, string part, params ReadOnlySpan<Value?> inputs) => Values.Apply(op, part.Length == 0 ? Name : $"{Name}.{part}", 1, inputs)[0];

    /// <summary>Says what the real numbers of an output are.</summary>
    public void Define(Value real, ImageLayout layout = ImageLayout.Filed, int output = 0) => Values.Define(Out(output), real, layout);

    /// <summary>
    /// Elements that only change places: of integers on one grid the integers themselves, of others the real numbers.
    /// </summary>
    public void Move(int input, ImageLayout layout, Func<Value, Value> move)
    {
        if (TfLiteFormat.AreEqual(In(input).Tensor, Out().Tensor) && In(input).Weights is null) Values.DefineStored(Out(), move(Stored(input, layout)), layout);
        else Define(move(Real(input, layout)), layout);
    }

    /// <summary>Says what an output is, under the filed shape of it, when the result has other dimensions: reshaped after it is stored.</summary>
    public void DefineReshaped(Value real, params ReadOnlySpan<long> shape)
    {
        if (!Out().Tensor.IsQuantized)
        {
            Define(Apply(new Reshape(), "reshape", real, Builder.Integers(shape)));
            return;
        }
        Values.DefineStored(Out(), Apply(new Reshape(), "reshape", Values.Quantized(real, Out().Tensor), Builder.Integers(shape)), ImageLayout.Filed);
    }

    /// <summary>The activation function fused into an operator, by its number in the schema.</summary>
    public Value Activated(Value x, int activation) => activation switch
    {
        0 => x,
        1 => Apply(new Relu(), "relu", x),
        2 => Clipped(x, -1, 1),
        3 => Clipped(x, 0, 6),
        4 => Apply(new Tanh(), "tanh", x),
        _ => throw new NabiException($"its fused activation function, number {activation}, is not supported"),
    };

    /// <summary>Limits.</summary>
    public Value Clipped(Value x, float low, float high, string part = "clip") =>
        Apply(new Clip(), part, x, Builder.Constant(Tensor.Scalar(low), "low"), Builder.Constant(Tensor.Scalar(high), "high"));

    private static Tensor WithFourAxes(Tensor constant) => constant.Shape.Rank > 4 ? throw new NabiException($"a constant of shape {constant.Shape} does not broadcast to images")
        : constant.Reshape(Shape.Create([.. Enumerable.Repeat(1, 4 - constant.Shape.Rank), .. constant.Shape.Dims]));
}
