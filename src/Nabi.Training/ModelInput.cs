using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>How samples of a data set enter a model.</summary>
/// <param name="Name">The input's name.</param>
/// <param name="SampleShape">One sample as the model wants it.</param>
/// <param name="IsChannelsLast">Must images be reordered to [H, W, C]?</param>
internal sealed record ModelInput(string Name, Shape SampleShape, bool IsChannelsLast)
{
    /// <summary>Matches a model with a data set: the same order, channels last, or flattened.</summary>
    /// <exception cref="NabiException">They do not fit; the message names both shapes.</exception>
    public static ModelInput Of(Graph model, DataSet data)
    {
        var input = model.Inputs.Count == 1 ? model.Inputs[0] : throw new NabiException($"Model '{model.Name}' has {model.Inputs.Count} inputs; classifiers with one can be trained and measured.");
        if (input.DType != DType.Float32) throw new NabiException($"Input '{input.Name}' of model '{model.Name}' is {input.DType}; models with Float32 inputs can be trained and measured.");
        if (!input.Shape.IsRanked) return new ModelInput(input.Name, data.SampleShape, false);
        var sample = data.SampleShape;
        if (Accepts(input, sample)) return new ModelInput(input.Name, sample, false);
        if (data.IsImages && Accepts(input, [sample[1], sample[2], sample[0]])) return new ModelInput(input.Name, [sample[1], sample[2], sample[0]], true);
        if (Accepts(input, [data.SampleSize])) return new ModelInput(input.Name, [data.SampleSize], false);
        if (sample.Rank == 3 && sample[0] == 1 && Accepts(input, [sample[1], sample[2]])) return new ModelInput(input.Name, [sample[1], sample[2]], false);
        throw new NabiException($"Model '{model.Name}' wants samples {Tail(input.Shape)} at input '{input.Name}', but data set '{data.Name}' has {sample}; use a data set or a model that fits.");
    }

    private static bool Accepts(Value input, Shape sample) =>
        input.Shape.Rank == sample.Rank + 1 && input.Shape.Accepts(Shape.Create([Shape.Unknown, .. sample.Dims]));

    private static string Tail(Shape shape) => shape.Rank == 0 ? "[]" : Shape.Create(shape.Dims[1..]).ToString();
}
