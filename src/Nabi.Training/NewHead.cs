using Nabi.Ops;

namespace Nabi.Training;

/// <summary>Gives a trained classifier a last layer for other classes, with random weights: what is before it is kept.</summary>
public static class NewHead
{
    /// <summary>The model with scores for so many classes; labels in its metadata go.</summary>
    /// <param name="model">A classifier whose scores come from a dense layer or a convolution, perhaps with a bias, pooling, views or a softmax behind it.</param>
    /// <param name="classes">Classes to tell apart, 2 or more.</param>
    /// <param name="seed">Draws the weights: normal with deviation sqrt(1 / inputs of a class). Biases are 0.</param>
    /// <exception cref="NabiException">There is no such layer.</exception>
    public static Graph Of(Graph model, int classes, ulong seed = 0)
    {
        if (classes is < 2 or > 1_000_000) throw new NabiException($"A head of {classes} classes is not possible; use 2 to 1,000,000.");
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var at = model.Outputs.Count > 0 ? model.Outputs[0].Value : null;
        while (at?.Producer is { } node)
        {
            if (WeightAxis(node) is { } axis && node.Inputs[1] is { IsTrainable: true } weight)
            {
                tensors[weight.Name] = Drawn(weight.Shape.With(axis, classes), weight.Shape.Count / weight.Shape[axis], new Rng(seed).Fork(0x4EAD));
                if (node.Inputs.Count > 2 && node.Inputs[2] is { Data: not null } bias) tensors[bias.Name] = Tensor.Zeros(DType.Float32, bias.Shape.With(-1, classes));
                return model.WithParameters(tensors).WithMetadata(model.Metadata.Remove(MetadataKeys.Labels));
            }
            if (node is { Op: Add } && Array.Find([.. node.Inputs], v => v is { Data: not null, Shape.Rank: >= 1 }) is { } added)
            {
                tensors[added.Name] = Tensor.Zeros(DType.Float32, added.Shape.With(added.Shape.Rank > 2 ? -3 : -1, classes));
                at = node.Inputs[0] == added ? node.Inputs[1] : node.Inputs[0];
                continue;
            }
            if (node.Op is not (Softmax or Identity or Reshape or Flatten or Squeeze or GlobalAveragePool or ReduceMean or Dropout)) break;
            at = node.Inputs[0];
        }
        throw new NabiException($"The scores of model '{model.Name}' do not come from a dense layer or a convolution with learned weights, so that it cannot be given {classes} classes.");
    }

    // The axis of a layer's weight that makes the classes.
    private static int? WeightAxis(Node node) => node.Op switch
    {
        Gemm { TransB: true } or Conv { Group: 1 } => 0,
        Gemm => 1,
        MatMul when node.Inputs[1] is { Shape.Rank: 2 } => 1,
        _ => null,
    };

    private static Tensor Drawn(Shape shape, int inputs, Rng rng)
    {
        var tensor = Tensor.Empty(DType.Float32, shape);
        foreach (ref var w in tensor.Span<float>()) w = (float)(rng.NextGaussian() * Math.Sqrt(1.0 / inputs));
        return tensor;
    }
}
