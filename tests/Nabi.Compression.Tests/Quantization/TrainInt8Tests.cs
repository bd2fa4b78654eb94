using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class TrainInt8Tests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_on_rounded_numbers_gives_integers(bool learnRanges)
    {
        var quantized = new TrainInt8 { Epochs = 1, LearnRanges = learnRanges }.Apply(TinyNet.Trained, TinyNet.Context with { Teacher = TinyNet.Trained });
        Assert.Contains(quantized.Nodes, n => n.Op is QuantizeLinear);
        Assert.DoesNotContain(quantized.Nodes, n => n.Op is FakeQuantize);
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.05, 1);
    }
}
