namespace Nabi.Runtime.Kernels;

/// <summary>The functions of one variable, for elementwise programs and as the activation of an <see cref="Epilogue"/>.</summary>
public enum UnaryKind
{
    /// <summary>x.</summary>
    Identity,

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    Relu,

    /// <summary>min(max(x, Alpha), Beta); NaN stays NaN. Relu6 is Clip with 0 and 6.</summary>
    Clip,

    /// <summary>x for x &gt;= 0, else Alpha * x.</summary>
    LeakyRelu,

    /// <summary>x for x &gt;= 0, else Alpha * (exp(x) - 1).</summary>
    Elu,

    /// <summary>min(max(Alpha * x + Beta, 0), 1).</summary>
    HardSigmoid,

    /// <summary>x * min(max(x / 6 + 1/2, 0), 1).</summary>
    HardSwish,

    /// <summary>1 / (1 + exp(-x)).</summary>
    Sigmoid,

    /// <summary>x / (1 + exp(-x)), also called swish.</summary>
    Silu,

    /// <summary>x / 2 * (1 + erf(x / sqrt 2)).</summary>
    Gelu,

    /// <summary>x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).</summary>
    GeluTanh,

    /// <summary>tanh x.</summary>
    Tanh,

    /// <summary>log(1 + exp(x)).</summary>
    Softplus,

    /// <summary>e to the x.</summary>
    Exp,

    /// <summary>Natural logarithm.</summary>
    Log,

    /// <summary>Square root.</summary>
    Sqrt,

    /// <summary>1 / sqrt(x), correctly rounded operations (no estimate).</summary>
    ReciprocalSqrt,

    /// <summary>1 / x.</summary>
    Reciprocal,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>-x.</summary>
    Negate,

    /// <summary>x * x.</summary>
    Square,

    /// <summary>Gauss error function.</summary>
    Erf,

    /// <summary>Nearest integer, halves to even.</summary>
    Round,

    /// <summary>-1, 0 or 1.</summary>
    Sign,
}

/// <summary>A function of one variable with its two parameters.</summary>
/// <param name="Kind">Which function.</param>
/// <param name="Alpha">First parameter of <see cref="UnaryKind.Clip"/>, LeakyRelu, Elu and HardSigmoid; unused elsewhere.</param>
/// <param name="Beta">Second parameter of <see cref="UnaryKind.Clip"/> and HardSigmoid; unused elsewhere.</param>
public readonly record struct Unary(UnaryKind Kind, float Alpha = 0f, float Beta = 0f)
{
    /// <summary>x.</summary>
    public static Unary Identity => default;

    /// <summary>max(x, 0).</summary>
    public static Unary Relu => new(UnaryKind.Relu);

    /// <summary>Limits to [<paramref name="low"/>, <paramref name="high"/>].</summary>
    public static Unary Clip(float low, float high) => new(UnaryKind.Clip, low, high);

    /// <summary>Whether the function only limits the range, and so costs two instructions in a kernel's store.</summary>
    internal bool TryGetRange(out float low, out float high)
    {
        (low, high) = Kind switch
        {
            UnaryKind.Relu => (0f, float.PositiveInfinity),
            UnaryKind.Clip => (Alpha, Beta),
            _ => (float.NegativeInfinity, float.PositiveInfinity),
        };
        return Kind is UnaryKind.Relu or UnaryKind.Clip or UnaryKind.Identity;
    }

    /// <summary>Calls the visitor with the operator struct of this function.</summary>
    internal void Accept<TVisitor>(ref TVisitor visitor)
        where TVisitor : IUnaryVisitor, allows ref struct
    {
        switch (Kind)
        {
            case UnaryKind.Identity: visitor.Visit(default(IdentityOp)); break;
            case UnaryKind.Relu: visitor.Visit(new ClipOp(0f, float.PositiveInfinity)); break;
            case UnaryKind.Clip: visitor.Visit(new ClipOp(Alpha, Beta)); break;
            case UnaryKind.LeakyRelu: visitor.Visit(new LeakyReluOp(Alpha)); break;
            case UnaryKind.Elu: visitor.Visit(new EluOp(Alpha)); break;
            case UnaryKind.HardSigmoid: visitor.Visit(new HardSigmoidOp(Alpha, Beta)); break;
            case UnaryKind.HardSwish: visitor.Visit(default(HardSwishOp)); break;
            case UnaryKind.Sigmoid: visitor.Visit(default(SigmoidOp)); break;
            case UnaryKind.Silu: visitor.Visit(default(SiluOp)); break;
            case UnaryKind.Gelu: visitor.Visit(default(GeluOp)); break;
            case UnaryKind.GeluTanh: visitor.Visit(default(GeluTanhOp)); break;
            case UnaryKind.Tanh: visitor.Visit(default(TanhOp)); break;
            case UnaryKind.Softplus: visitor.Visit(default(SoftplusOp)); break;
            case UnaryKind.Exp: visitor.Visit(default(ExpOp)); break;
            case UnaryKind.Log: visitor.Visit(default(LogOp)); break;
            case UnaryKind.Sqrt: visitor.Visit(default(SqrtOp)); break;
            case UnaryKind.ReciprocalSqrt: visitor.Visit(default(ReciprocalSqrtOp)); break;
            case UnaryKind.Reciprocal: visitor.Visit(default(ReciprocalOp)); break;
            case UnaryKind.Abs: visitor.Visit(default(AbsOp)); break;
            case UnaryKind.Negate: visitor.Visit(default(NegateOp)); break;
            case UnaryKind.Square: visitor.Visit(default(SquareOp)); break;
            case UnaryKind.Erf: visitor.Visit(default(ErfOp)); break;
            case UnaryKind.Round: visitor.Visit(default(RoundOp)); break;
            case UnaryKind.Sign: visitor.Visit(default(SignOp)); break;
            default: throw new ArgumentOutOfRangeException(nameof(Kind), Kind, "This function has no kernel.");
        }
    }
}

/// <summary>Receives the operator struct that a <see cref="Unary"/> names.</summary>
internal interface IUnaryVisitor
{
    void Visit<TOp>(TOp op)
        where TOp : unmanaged, IUnaryOp;
}
