using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>Operators on every element by itself, and the conversions between element types.</summary>
internal static class TfLiteElementwise
{
    /// <summary>Adds them to the table.</summary>
    public static void AddTo(Dictionary<string, Action<TfLiteNode>> table)
    {
        foreach (var (name, op) in new (string, Op)[]
        {
            ("ADD", new Add()), ("SUB", new Sub()), ("MUL", new Mul()), ("DIV", new Div()), ("MAXIMUM", new Max()), ("MINIMUM", new Min()), ("POW", new Pow()),
            ("PRELU", new PRelu()),
        }) table[name] = n => Binary(n, op, name is "ADD" or "SUB" or "MUL" or "DIV");
        foreach (var (name, op) in new (string, Op)[]
        {
            ("LESS", new Less()), ("LESS_EQUAL", new LessOrEqual()), ("GREATER", new Greater()), ("GREATER_EQUAL", new GreaterOrEqual()), ("EQUAL", new Equal()),
            ("LOGICAL_AND", new And()), ("LOGICAL_OR", new Or()),
        }) table[name] = n => Binary(n, op, hasActivation: false);
        foreach (var (name, op) in new (string, Op)[]
        {
            ("RELU", new Relu()), ("LOGISTIC", new Sigmoid()), ("TANH", new Tanh()), ("ELU", new Elu()), ("HARD_SWISH", new HardSwish()), ("EXP", new Exp()), ("LOG", new Log()),
            ("SQRT", new Sqrt()), ("ABS", new Abs()), ("NEG", new Neg()), ("FLOOR", new Floor()), ("CEIL", new Ceil()), ("ROUND", new Round()), ("SIN", new Sin()),
            ("COS", new Cos()), ("SIGN", new Sign()), ("LOGICAL_NOT", new Not()),
        }) table[name] = n => Unary(n, x => n.Apply(op, "", x));
        table["RELU6"] = n => Unary(n, x => n.Clipped(x, 0, 6, ""));
        table["RELU_N1_TO_1"] = n => Unary(n, x => n.Clipped(x, -1, 1, ""));
        table["RELU_0_TO_1"] = n => Unary(n, x => n.Clipped(x, 0, 1, ""));
        table["LEAKY_RELU"] = n => Unary(n, x => n.Apply(new LeakyRelu { Alpha = n.Float(0) }, "", x));
        table["GELU"] = n => Unary(n, x => n.Apply(new Gelu { Approximate = n.Enum(0) != 0 ? "tanh" : "none" }, "", x));
        table["RSQRT"] = n => Unary(n, x => n.Apply(new Reciprocal(), "", n.Apply(new Sqrt(), "sqrt", x)));
        table["SQUARE"] = n => Unary(n, x => n.Apply(new Mul(), "", x, x));
        table["SQUARED_DIFFERENCE"] = SquaredDifference;
        table["ADD_N"] = n => Variadic(n, new Sum());
        table["SELECT"] = table["SELECT_V2"] = Select;
        table["CAST"] = Cast;
        table["QUANTIZE"] = n => Unary(n, x => x);
        table["DEQUANTIZE"] = Dequantize;
    }

    private static void Unary(TfLiteNode n, Func<Value, Value> function)
    {
        var layout = n.Layout(0);
        n.Define(function(n.Real(0, layout)), layout);
    }

    // The fused activation function is the first attribute of those that have one.
    private static void Binary(TfLiteNode n, Op op, bool hasActivation)
    {
        var layout = n.Layout(0, 1);
        var y = n.Apply(op, "", n.Operand(0, layout), n.Operand(1, layout));
        n.Define(hasActivation ? n.Activated(y, n.Enum(0)) : y, layout);
    }

    private static void SquaredDifference(TfLiteNode n)
    {
        var layout = n.Layout(0, 1);
        var difference = n.Apply(new Sub(), "difference", n.Operand(0, layout), n.Operand(1, layout));
        n.Define(n.Apply(new Mul(), "", difference, difference), layout);
    }

    private static void Variadic(TfLiteNode n, Op op)
    {
        var layout = n.Layout([.. Enumerable.Range(0, n.InputCount)]);
        n.Define(n.Apply(op, "", [.. Enumerable.Range(0, n.InputCount).Select(i => n.Operand(i, layout))]), layout);
    }

    private static void Select(TfLiteNode n)
    {
        var layout = n.Layout(1, 2);
        n.Define(n.Apply(new Where(), "", n.Operand(0, layout), n.Operand(1, layout), n.Operand(2, layout)), layout);
    }

    private static void Cast(TfLiteNode n)
    {
        if (n.Out().Tensor.Type is not { } to) throw new NabiException($"it converts to a type that is not supported");
        Unary(n, x => x.DType == to ? x : n.Apply(new Cast(to), "", x));
    }

    // Of a constant it says how weights are stored; layers read them through it.
    private static void Dequantize(TfLiteNode n)
    {
        if (n.In(0).Data is not null && (n.In(0).Tensor.IsQuantized || n.In(0).Data!.DType == DType.Float16)) n.Out().Weights = n.In(0);
        else Unary(n, x => x.DType == DType.Float16 ? n.Apply(new Cast(DType.Float32), "", x) : x);
    }
}
