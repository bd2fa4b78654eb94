using Nabi.Runtime;

namespace Nabi.Training.Tests.Guidances;

/// <summary>Single steps of trainings, for tests that compare them with a formula.</summary>
internal static class Steps
{
    /// <summary>Options whose step is the parameter minus the rate times the gradient.</summary>
    public static TrainingOptions Plain(int batch) => new() { BatchSize = batch, Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 } };

    /// <summary>Runs one step at the given rate; gives the loss and the model after it.</summary>
    public static (double Loss, Graph After) Run(Graph model, TrainingOptions options, Tensor input, Tensor targets, float rate = 0.1f)
    {
        var step = TrainingStep.Build(model, options);
        using var session = new Session(step.Graph, new SessionOptions { Threads = 1 });
        var outputs = session.Run(new Dictionary<string, Tensor>
        {
            [step.Input] = input,
            [step.Targets] = targets,
            [step.Rate] = Tensor.Scalar(rate),
            [step.Number] = Tensor.Scalar(1f),
        });
        return (outputs[TrainingStep.LossOutput].Item(), step.Model());
    }

    /// <summary>A 1x1 convolution with one input channel and a ReLU over [N, 1, size, size], pooled into two classes.</summary>
    public static Graph Maps(params float[] weights) => Maps(3, weights);

    /// <inheritdoc cref="Maps(float[])"/>
    public static Graph Maps(int size, float[] weights)
    {
        var b = new GraphBuilder("maps");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, size, size]);
        var features = b.Relu(b.Conv(x, b.Parameter("conv", Tensor.Of([weights.Length, 1, 1, 1], weights))));
        b.Output("y", b.Dense(b.Flatten(b.GlobalAveragePool(features)), b.Parameter("dense", Tensor.Full([2, weights.Length], 0.1f))));
        return b.Build();
    }

    /// <summary>One-hot rows.</summary>
    public static Tensor OneHot(int classes, params int[] labels)
    {
        var tensor = Tensor.Zeros(DType.Float32, [labels.Length, classes]);
        for (var i = 0; i < labels.Length; i++) tensor.Span<float>()[i * classes + labels[i]] = 1;
        return tensor;
    }
}
