namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Einsum</c>: sums of products over named axes, for example <c>bij,bjk->bik</c>. A letter repeated in one operand takes its
/// diagonal; an ellipsis stands for broadcast axes; without an arrow the letters that appear once are the output. Accumulated in double precision.
/// </summary>
public sealed record Einsum : Op
{
    // More products than any model asks for; a hostile equation could ask for many more.
    private const double MostProducts = 1L << 42;

    /// <summary>The equation.</summary>
    public required string Equation { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        var shapes = new Shape[x.InputCount];
        for (var i = 0; i < shapes.Length; i++)
        {
            if (x.Input(i).DType != type.DType) throw x.Fail($"its inputs are {type.DType} and {x.Input(i).DType}, which must be equal");
            shapes[i] = x.Shape(i);
        }
        var equation = EinsumEquation.Parse(Equation, shapes);
        return type with { Shape = Of(equation.Output, equation.Sizes(shapes)) };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var tensors = new Tensor[x.InputCount];
        for (var i = 0; i < tensors.Length; i++) tensors[i] = x.Input(i).Cast(DType.Float64);
        var shapes = Array.ConvertAll(tensors, t => t.Shape);
        var equation = EinsumEquation.Parse(Equation, shapes);
        var sizes = equation.Sizes(shapes);
        var result = Tensor.Zeros(DType.Float64, Of(equation.Output, sizes));
        var letters = equation.Output + equation.Summed;
        if (Products(letters, sizes) > MostProducts)
            throw new NabiException($"the equation '{Equation}' asks for {Products(letters, sizes):G3} products, which is not supported; split it");
        var extents = letters.Select(c => sizes[c]).ToArray();
        var steps = new int[tensors.Length][];
        for (var i = 0; i < steps.Length; i++) steps[i] = Steps(letters, equation.Operands[i], shapes[i]);
        Accumulate(tensors, steps, extents, result.Span<double>());
        return result.Cast(x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x)
    {
        var shapes = new List<Shape>();
        while (x.Has(shapes.Count)) shapes.Add(x.Input(shapes.Count));
        var equation = EinsumEquation.Parse(Equation, shapes);
        var products = (long)Products(equation.Output + equation.Summed, equation.Sizes(shapes));
        return shapes.Count > 1 ? x.OfMacs(products * (shapes.Count - 1)) : new Cost(0, products, x.BytesRead, x.BytesWritten);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var equation = EinsumEquation.Parse(Equation, [.. g.Node.Inputs.Select(v => v!.Shape)]);
        return [.. g.Node.Inputs.Select((_, i) => GradientOf(g, equation, i))];
    }

    // The incoming gradient and the other operands, summed to the letters of operand k. A diagonal is put back by an identity matrix
    // per repetition, a letter that only operand k has by a tensor of ones.
    private static Value GradientOf(GradientContext g, EinsumEquation equation, int k)
    {
        var (b, input) = (g.Builder, g.Input(k));
        var values = new List<Value> { g.Grad };
        var terms = new List<string> { equation.Output };
        for (var i = 0; i < equation.Operands.Length; i++)
        {
            if (i == k) continue;
            values.Add(g.Input(i));
            terms.Add(equation.Operands[i]);
        }
        var target = equation.Operands[k].ToCharArray();
        var fresh = EinsumEquation.Fresh(string.Concat(equation.Operands), target.Length);
        for (var axis = 0; axis < target.Length; axis++)
        {
            var letter = target[axis];
            if (Array.IndexOf(target, letter) == axis) continue;
            target[axis] = fresh[axis];
            values.Add(b.Constant(Identity(input.Shape[axis], input.DType), "identity"));
            terms.Add($"{letter}{fresh[axis]}");
        }
        var letters = new string(target);
        if (LacksSize(letters, input.Shape, terms, values))
        {
            values.Add(b.OnesLike(input));
            terms.Add(letters);
        }
        var gradient = b.Apply(new Einsum { Equation = $"{string.Join(',', terms)}->{letters}" }, values.ToArray());
        return b.SumTo(gradient, input);
    }

    private static bool LacksSize(string letters, Shape shape, List<string> terms, List<Value> values)
    {
        for (var axis = 0; axis < letters.Length; axis++)
        {
            if (shape[axis] == 1 && terms.Exists(t => t.Contains(letters[axis]))) continue;
            var isThere = false;
            for (var i = 0; i < terms.Count; i++)
            {
                var at = terms[i].IndexOf(letters[axis]);
                isThere |= at >= 0 && values[i].Shape[at] != 1;
            }
            if (!isThere) return true;
        }
        return false;
    }

    private static Tensor Identity(int size, DType dtype)
    {
        if (size == Shape.Unknown) throw new NabiException("the gradient of a diagonal needs its size to be known");
        var matrix = Tensor.Zeros(DType.Float32, [size, size]);
        for (var i = 0; i < size; i++) matrix.Span<float>()[i * size + i] = 1;
        return matrix.Cast(dtype);
    }

    private static Shape Of(string letters, Dictionary<char, int> sizes) => Shape.Create([.. letters.Select(c => sizes[c])]);

    private static double Products(string letters, Dictionary<char, int> sizes)
    {
        var products = 1.0;
        foreach (var c in letters) products *= sizes[c];
        return products;
    }

    // How far one step along each letter moves in an operand; a repeated letter moves along its diagonal.
    private static int[] Steps(string letters, string operand, Shape shape)
    {
        var strides = shape.Strides();
        var steps = new int[letters.Length];
        for (var axis = 0; axis < operand.Length; axis++)
            if (shape[axis] != 1) steps[letters.IndexOf(operand[axis])] += strides[axis];
        return steps;
    }

    // Output letters are outermost, so that each output is summed at one stretch.
    private static void Accumulate(Tensor[] tensors, int[][] steps, int[] extents, Span<double> result)
    {
        var products = 1L;
        foreach (var extent in extents) products *= extent;
        if (products == 0) return;
        var stretch = products / result.Length;
        var at = new int[tensors.Length];
        var index = new int[extents.Length];
        for (var n = 0L; n < products; n++)
        {
            var product = 1.0;
            for (var i = 0; i < tensors.Length; i++) product *= tensors[i].Span<double>()[at[i]];
            result[(int)(n / stretch)] += product;
            for (var letter = extents.Length - 1; letter >= 0; letter--)
            {
                var turns = ++index[letter] == extents[letter];
                for (var i = 0; i < at.Length; i++) at[i] += turns ? -steps[i][letter] * (extents[letter] - 1) : steps[i][letter];
                if (!turns) break;
                index[letter] = 0;
            }
        }
    }
}
