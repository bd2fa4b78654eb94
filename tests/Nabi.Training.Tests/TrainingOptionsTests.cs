using Nabi.Ops;

namespace Nabi.Training.Tests;

public class TrainingOptionsTests
{
    [Fact]
    public void The_usual_rate_is_lower_without_batch_normalization()
    {
        Assert.Equal(0.01, TrainingOptions.UsualLearningRate(Net(hasNormalization: false), new Sgd()));
        Assert.Equal(0.05, TrainingOptions.UsualLearningRate(Net(hasNormalization: true), new Sgd()));
        Assert.Equal(0.001, TrainingOptions.UsualLearningRate(Net(hasNormalization: true), new Adam()));
    }

    [Fact]
    public void Adder_layers_learn_at_the_rate_of_their_reference_code()
    {
        var b = new GraphBuilder("net");
        var x = b.Input("x", DType.Float32, [1, 2, 4, 4]);
        b.Output("y", b.Apply(new AdderConv(), x, b.Parameter("filter", Tensor.Zeros(DType.Float32, [3, 2, 1, 1]))));
        Assert.Equal(0.1, TrainingOptions.UsualLearningRate(b.Build(), new Sgd()));
    }

    private static Graph Net(bool hasNormalization)
    {
        var b = new GraphBuilder("net");
        var x = b.Input("x", DType.Float32, [1, 2, 4, 4]);
        var ones = Tensor.Full<float>([2], 1);
        b.Output("y", hasNormalization
            ? b.Apply(new BatchNormalization(), x, b.Parameter("scale", ones), b.Parameter("shift", ones), b.Constant(ones, "mean"), b.Constant(ones, "variance"))
            : b.Relu(x));
        return b.Build();
    }
}
