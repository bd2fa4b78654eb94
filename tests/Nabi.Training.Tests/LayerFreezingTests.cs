using Nabi.Training.Data;

namespace Nabi.Training.Tests;

public class LayerFreezingTests
{
    [Fact]
    public void Frozen_layers_keep_their_weights_and_statistics_and_a_new_head_learns()
    {
        var splits = Glyphs.Draw(600, 200);
        var before = new Trainer(SmallModels.Cnn(channels: 12, layers: 2, stride: 2), splits.Train, new TrainingOptions { Epochs = 6, BatchSize = 20 }) { Threads = 1 }.Run().Model;
        // Another task: is the digit above four?
        var task = DataSet.Of("above four", splits.Train.SampleShape, [.. Enumerable.Range(0, 600).SelectMany(i => splits.Train.Bytes(i).ToArray())],
            [.. Enumerable.Range(0, 600).Select(i => splits.Train.Label(i) / 5)], ["no", "yes"]);
        var start = NewHead.Of(before, 2, seed: 3);
        Assert.Equal([2, start.Parameter("dense.weight")!.Shape[1]], start.Parameter("dense.weight")!.Shape.Dims.ToArray());
        var result = new Trainer(start, task, new TrainingOptions { Epochs = 6, BatchSize = 20, Frozen = LayerFreezing.Parameters(start, ["1"]) }) { Threads = 1 }.Run();
        foreach (var p in before.Parameters.Where(p => !p.Name.StartsWith("dense", StringComparison.Ordinal) && p.DType == DType.Float32))
            Assert.Equal(p.Data!.ToSingle(), result.Model.Parameter(p.Name)!.Data!.ToSingle());
        Assert.NotEqual(start.Parameter("dense.weight")!.Data!.ToSingle(), result.Model.Parameter("dense.weight")!.Data!.ToSingle());
        Assert.True(result.History[^1].Accuracy > 0.75, $"{result.History[^1].Accuracy}");
        Assert.Equal("no\nyes", result.Model.Metadata[MetadataKeys.Labels]);
    }

    [Fact]
    public void Layers_are_named_by_number_or_by_their_beginnings()
    {
        var model = SmallModels.Cnn(layers: 2);
        Assert.Equal(3, LayerFreezing.Layers(model).Count);
        Assert.Equal(["conv.weight", "norm.scale", "norm.bias"], LayerFreezing.Parameters(model, ["2"]));
        Assert.Equal(["1.conv.weight", "1.norm.scale", "1.norm.bias"], LayerFreezing.Parameters(model, ["1."]));
        string Said(params string[] what) => Assert.Throws<NabiException>(() => LayerFreezing.Parameters(model, what)).Message;
        Assert.Contains("all but the last 1 to 2 can be frozen, not 3", Said("3"));
        Assert.Contains("begins with 'nothing'", Said("nothing"));
        Assert.Contains("leave some to learn", Said("conv", "norm", "1.", "dense"));
    }
}
