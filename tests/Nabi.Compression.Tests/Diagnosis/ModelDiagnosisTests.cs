using Nabi.Compression.Diagnosis;
using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;

namespace Nabi.Compression.Tests.Diagnosis;

public class ModelDiagnosisTests
{
    // One channel of the depthwise layer 200 times as large as it was: one scale leaves the others no integers, in the weight and in what the next layer reads.
    private static readonly Graph Unbalanced = TinyNet.Unbalanced(c => c == 3 ? 200 : 1);

    private static Graph PerTensor(Graph graph, params string[] keep) =>
        new QuantizeInt8 { PerChannel = false, Observer = "min-max", BiasCorrection = false, Keep = ValueArray.Create<string>(keep) }.Apply(graph, TinyNet.Context);

    private static string Depthwise => Unbalanced.Nodes.Last(n => n.Op is Ops.Conv { Group: > 1 }).Name;

    private static string After => Unbalanced.Nodes.Last(n => n.Op is Ops.Conv).Name;

    [Fact]
    public void The_layer_that_one_scale_ruins_is_named_with_its_mend()
    {
        var diagnosis = ModelDiagnosis.Of(Unbalanced, PerTensor(Unbalanced), TinyNet.Context);
        Assert.True(diagnosis.Divergence > 0.05, $"divergence {diagnosis.Divergence}");
        var (worst, depthwise) = (diagnosis.Layers[0], diagnosis.Layers.Single(l => l.Node == Depthwise));
        Assert.Equal(After, worst.Node);
        Assert.True(worst.CausedByInput > worst.CausedByWeight && worst.Caused > 0.3, $"{worst.Caused}, {worst.CausedByWeight}, {worst.CausedByInput}");
        Assert.True(worst.InputSpread > 50 && depthwise.ChannelSpread > 50, $"{worst.InputSpread}, {depthwise.ChannelSpread}");
        Assert.Contains("equalize-layers", worst.Mends[0], StringComparison.Ordinal);
        Assert.Contains($"keep: [{After}]", worst.Mends[^1], StringComparison.Ordinal);
        Assert.Equal("int8 per tensor, input int8", worst.Form);
    }

    [Fact]
    public void The_proposed_mend_mends()
    {
        var before = ModelDiagnosis.Of(Unbalanced, PerTensor(Unbalanced), TinyNet.Context).Divergence;
        var equalized = ModelDiagnosis.Of(Unbalanced, PerTensor(new EqualizeLayers().Apply(Unbalanced, TinyNet.Context)), TinyNet.Context).Divergence;
        var kept = ModelDiagnosis.Of(Unbalanced, PerTensor(Unbalanced, Depthwise, After), TinyNet.Context).Divergence;
        Assert.True(equalized < before / 2 && kept < before / 2, $"{before}; equalized {equalized}, kept {kept}");
    }

    [Fact]
    public void A_layer_that_alone_was_changed_gives_all_of_it_back()
    {
        // Every weight of one layer zero where it is small, nothing else.
        var layer = TinyNet.Trained.Nodes.First(n => n.Name == TinyNet.Trained.Nodes.Where(o => o.Op is Ops.Conv { Group: 1 }).Skip(1).First().Name);
        var weight = layer.Inputs[1]!;
        var changed = weight.Data!.Copy();
        foreach (ref var w in changed.Span<float>()) w = MathF.Abs(w) < 0.2f ? 0 : w;
        var sparse = TinyNet.Trained.WithParameters(new Dictionary<string, Tensor> { [weight.Name] = changed });
        var diagnosis = ModelDiagnosis.Of(TinyNet.Trained, sparse, TinyNet.Context);
        Assert.Equal(layer.Name, diagnosis.Layers[0].Node);
        Assert.Equal(1, diagnosis.Layers[0].Restored!.Value, 1e-6);
        Assert.Equal(1, diagnosis.Layers[0].Caused!.Value, 1e-6);
        Assert.Contains("pruned", diagnosis.Layers[0].Form, StringComparison.Ordinal);
        Assert.Contains("prune", diagnosis.Layers[0].Mends[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_with_fewer_channels_are_listed_and_not_put_back()
    {
        var diagnosis = ModelDiagnosis.Of(TinyNet.Trained, new PruneChannels { KeepMacs = 0.5 }.Apply(TinyNet.Trained, TinyNet.Context), TinyNet.Context);
        Assert.Contains(diagnosis.Layers, l => l is { Restored: null, Sqnr: null });
        Assert.Equal(TinyNet.Trained.Nodes.Count(n => WeightAxes.Of(n) is not null), diagnosis.Layers.Count);
    }

    [Fact]
    public void The_same_network_has_nothing_to_mend()
    {
        var diagnosis = ModelDiagnosis.Of(TinyNet.Trained, TinyNet.Trained, TinyNet.Context);
        Assert.Equal(0, diagnosis.Divergence, 1e-9);
        Assert.All(diagnosis.Layers, l => Assert.Empty(l.Mends));
        Assert.All(diagnosis.Layers, l => Assert.Equal(double.PositiveInfinity, l.Sqnr));
    }

    [Fact]
    public void The_grid_behind_an_input_is_what_its_integers_hold()
    {
        var b = new GraphBuilder("rounded");
        var rounded = b.Apply(new Ops.FakeQuantize(), b.Input("x", DType.Float32, [1, 4, 2, 2]), b.Constant(Tensor.Scalar(0.01f), "unit"));
        var rounding = InputRounding.Behind(b.MaxPool(rounded, 2, 2))!;
        Assert.Equal((-1.28, 1.27, 8), (Math.Round(rounding.Low, 4), Math.Round(rounding.High, 4), rounding.Bits));
        Assert.Null(InputRounding.Behind(b.Relu(rounded)));
    }

    [Fact]
    public void Networks_without_a_common_layer_are_refused() =>
        Assert.Contains("no layer", Assert.Throws<NabiException>(() => ModelDiagnosis.Of(TinyNet.Trained, Other(), TinyNet.Context)).Message, StringComparison.Ordinal);

    private static Graph Other()
    {
        var b = new GraphBuilder("other");
        b.Output("y", b.Relu(b.Input("x", DType.Float32, [1, 1, 14, 14])));
        return b.Build();
    }
}
