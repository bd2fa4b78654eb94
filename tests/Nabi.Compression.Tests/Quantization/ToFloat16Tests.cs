using Nabi.Compression.Quantization;
using Nabi.Passes;

namespace Nabi.Compression.Tests.Quantization;

public class ToFloat16Tests
{
    [Theory]
    [InlineData("float16", DType.Float16, 55)]
    [InlineData("bfloat16", DType.BFloat16, 35)]
    public void Weights_take_two_bytes_and_results_stay_close(string type, DType stored, double decibels)
    {
        var halved = new ToFloat16 { Type = type }.Apply(TinyNet.Trained, TinyNet.Context).Through([.. Simplification.Standard]);
        Assert.Equal(6, halved.Parameters.Count(p => p.DType == stored));
        Assert.DoesNotContain(halved.Parameters, p => p is { DType: DType.Float32, Shape.Rank: > 1 });
        var sqnr = new Sqnr();
        sqnr.Add(Training.Evaluator.Logits(TinyNet.Trained, TinyNet.Data.Test).ToSingle(), Training.Evaluator.Logits(halved, TinyNet.Data.Test).ToSingle());
        Assert.True(sqnr.Decibels > decibels, $"{sqnr.Decibels} dB");
    }

    [Fact]
    public void Numbers_too_large_are_refused()
    {
        var b = new GraphBuilder("large");
        b.Output("y", b.MatMul(b.Input("x", DType.Float32, [1, 2]), b.Parameter("w", Tensor.Full<float>([2, 2], 1e6f))));
        var graph = b.Build();
        Assert.Contains("'w'", Assert.Throws<NabiException>(() => new ToFloat16().Apply(graph, TinyNet.Context)).Message, StringComparison.Ordinal);
        Assert.NotNull(new ToFloat16 { Type = "bfloat16" }.Apply(graph, TinyNet.Context));
        Assert.NotNull(new ToFloat16 { Type = "float8" }.Fault);
    }
}
