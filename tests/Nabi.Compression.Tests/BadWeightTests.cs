using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;

namespace Nabi.Compression.Tests;

public class BadWeightTests
{
    private static Graph Broken()
    {
        var weight = TinyNet.Trained.Parameter("a.w")!.Data!.Copy();
        weight.Span<float>()[3] = float.NaN;
        return TinyNet.Trained.WithParameters(new Dictionary<string, Tensor> { ["a.w"] = weight });
    }

    [Fact]
    public void Pruning_names_the_group() =>
        Assert.Contains("NaN", Assert.Throws<NabiException>(() => new PruneChannels().Apply(Broken(), TinyNet.Context)).Message, StringComparison.Ordinal);

    [Fact]
    public void Quantizing_says_what_is_wrong() =>
        Assert.Contains("NaN", Assert.Throws<NabiException>(() => new QuantizeInt8().Apply(Broken(), TinyNet.Context)).Message, StringComparison.Ordinal);
}
