namespace Nabi.Ops;

/// <summary>ONNX <c>Concat</c>: any number of inputs one behind the other along an axis; the other dimensions are equal.</summary>
/// <param name="Axis">The axis, -rank to rank - 1.</param>
public sealed record Concat(int Axis) : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, first) = x.Input(0);
        var axis = first.Axis(Axis);
        var dims = first.Dims.ToArray();
        for (var i = 1; i < x.InputCount; i++)
        {
            if (x.Input(i).DType != dtype) throw x.Fail($"inputs 0 and {i} are {dtype} and {x.Input(i).DType}, which must be equal");
            var shape = x.RequireRank(i, dims.Length, dims.Length);
            for (var d = 0; d < dims.Length; d++)
            {
                if (d == axis) dims[d] = dims[d] == Shape.Unknown || shape[d] == Shape.Unknown ? Shape.Unknown : Shape.Dimension((long)dims[d] + shape[d]);
                else if (dims[d] == Shape.Unknown) dims[d] = shape[d];
                else if (shape[d] != Shape.Unknown && shape[d] != dims[d])
                    throw x.Fail($"input {i} of shape {shape} does not fit input 0 of shape {first} along axis {d}");
            }
        }
        return new TensorType(dtype, Shape.Create(dims));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var parts = new Tensor[x.InputCount];
        for (var i = 0; i < parts.Length; i++) parts[i] = x.Input(i);
        return Joined(parts, parts[0].Shape.Axis(Axis));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        if (!c.Output().Shape.IsRanked) return;
        var (axis, offset) = (c.Output().Shape.Axis(Axis), 0);
        foreach (var input in c.Node.Inputs)
        {
            c.TieAll(input!, c.Output(), except: axis);
            if (input!.Shape[axis] == Shape.Unknown) return;
            c.Tie(input, axis, c.Output(), axis, offset);
            offset += input.Shape[axis];
        }
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var axis = g.Output().Shape.Axis(Axis);
        var sizes = new long[g.Node.Inputs.Count];
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] = g.Input(i).Shape[axis];
            if (sizes[i] == Shape.Unknown)
                throw new NabiException($"The gradient of node '{g.Node.Name}' needs to know dimension {axis} of '{g.Input(i).Name}'; fix the input shapes.");
        }
        return sizes.Length == 1 ? [g.Grad] : g.Builder.Split(g.Grad, axis, sizes);
    }

    private static Tensor Joined(Tensor[] parts, int axis)
    {
        if (parts[0].DType == DType.Int4)
            return Joined(Array.ConvertAll(parts, p => p.Cast(DType.Int8)), axis).Cast(DType.Int4);
        var size = 0;
        foreach (var part in parts) size += part.Shape[axis];
        var result = Tensor.Empty(parts[0].DType, parts[0].Shape.With(axis, size));
        var rows = result.Shape.CountOf(0, axis);
        for (int row = 0, at = 0; row < rows; row++)
        {
            foreach (var part in parts)
            {
                var length = part.Bytes.Length / rows;
                part.Bytes.Slice(row * length, length).CopyTo(result.Bytes[at..]);
                at += length;
            }
        }
        return result;
    }
}
