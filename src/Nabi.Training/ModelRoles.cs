using Nabi.Ops;

namespace Nabi.Training;

/// <summary>What the values of a classifier's graph are for: learned parameters, running statistics, scores.</summary>
internal static class ModelRoles
{
    /// <summary>Running means and variances of batch normalizations: they follow the data, not the gradient.</summary>
    public static IReadOnlyList<Value> Statistics(Graph model) => [.. model.Nodes
        .Where(n => n is { Op: BatchNormalization, Inputs: [_, _, _, { Data: not null }, { Data: not null }] })
        .SelectMany(n => new[] { n.Inputs[3]!, n.Inputs[4]! }).Distinct()];

    /// <summary>Trainable floating-point parameters without the running statistics.</summary>
    public static IReadOnlyList<Value> Learned(Graph model)
    {
        var statistics = Statistics(model).ToHashSet();
        return [.. model.Parameters.Where(p => p.IsTrainable && p.DType.IsFloat() && !statistics.Contains(p))];
    }

    /// <summary>Weights decay; biases, scales and shifts do not.</summary>
    public static bool IsDecayed(Value parameter) => parameter.Shape.Rank >= 2 && !parameter.Users.All(n => n.Op is Add or Sub or BatchNormalization);

    /// <summary>Is it the filter of adder convolutions and of nothing else?</summary>
    public static bool IsAdderFilter(Value parameter) => parameter.UseCount > 0 && parameter.Users.All(n => n.Op is AdderConv && n.Inputs[1] == parameter);

    /// <summary>The shape of an input with the batch size in front.</summary>
    public static Shape WithBatch(Graph model, Value input, int batch)
    {
        if (model.Inputs.Count != 1) throw new NabiException($"Model '{model.Name}' has {model.Inputs.Count} inputs; classifiers with one can be trained and measured.");
        return input.Shape.IsRanked && input.Shape.Rank > 0 ? input.Shape.With(0, batch)
            : throw new NabiException($"Input '{input.Name}' of model '{model.Name}' has shape {input.Shape}; its first dimension must be the batch.");
    }

    /// <summary>The scores of an output, by default the first, before any softmax, as [N, classes].</summary>
    public static Value Logits(Graph model, Rewriter rewriter, int index = 0)
    {
        if (model.Outputs.Count <= index) throw new NabiException($"Model '{model.Name}' has {model.Outputs.Count} outputs, so that there is no output {index}.");
        var output = model.Outputs[index].Value;
        while (output.Producer is { Op: Softmax or Identity } end) output = end.Inputs[0]!;
        var logits = rewriter[output];
        if (!logits.Shape.IsKnown || logits.Shape.Rank < 2)
            throw new NabiException($"Output '{model.Outputs[index].Name}' of model '{model.Name}' has shape {logits.Shape}; scores must be [N, classes].");
        return logits.Shape.Rank == 2 ? logits : rewriter.Builder.Reshape(logits, [logits.Shape[0], logits.Shape.CountOf(1, logits.Shape.Rank)]);
    }

    /// <summary>Does the first output hold probabilities rather than scores?</summary>
    public static bool EndsInSoftmax(Graph model)
    {
        var output = model.Outputs[0].Value;
        while (output.Producer is { } node)
        {
            if (node.Op is Softmax) return true;
            if (node.Op is not (QuantizeLinear or DequantizeLinear or Identity or Reshape or Flatten or Cast)) return false;
            output = node.Inputs[0]!;
        }
        return false;
    }
}
