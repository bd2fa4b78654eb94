using Nabi.Training.Data;

namespace Nabi.Training.Tests.Guidances;

public class OwnTeacherTests
{
    private static readonly Tensor Images = Tensor.Of([2, 1, 28, 28], [.. Enumerable.Range(0, 2 * 28 * 28).Select(i => MathF.Sin(i))]);

    [Fact]
    public void Exits_teach_what_lies_before_them_and_leave_the_deepest_classifier_alone()
    {
        var model = SmallModels.Cnn(layers: 2);
        var options = Steps.Plain(2) with { Loss = new GuidanceAlone(), Guidance = [new OwnTeacher { Alpha = 1, Lambda = 0.01 }] };
        var after = Steps.Run(model, options, Images, Steps.OneHot(10, 3, 5)).After;
        bool Moved(string name) => !model.Parameter(name)!.Data!.Bytes.SequenceEqual(after.Parameter(name)!.Data!.Bytes);
        Assert.True(Moved("conv.weight"));
        // The exit's targets are given: nothing flows back through the last layers.
        Assert.False(Moved("1.conv.weight") || Moved("dense.weight"));
    }

    [Fact]
    public void The_trained_network_has_no_exits()
    {
        var data = Glyphs.Draw(48, 10).Train;
        var model = SmallModels.Cnn(layers: 2);
        var result = new Trainer(model, data, new TrainingOptions { Epochs = 2, BatchSize = 16, Guidance = [new OwnTeacher()] }) { Threads = 1 }.Run();
        Assert.Equal(model.Nodes.Select(n => n.Name), result.Model.Nodes.Select(n => n.Name));
        Assert.Equal(model.Parameters.Select(p => p.Name), result.Model.Parameters.Select(p => p.Name));
        Assert.Contains("exits need at least 2", Assert.Throws<NabiException>(() => TrainingStep.Build(SmallModels.Cnn(), new TrainingOptions { Guidance = [new OwnTeacher()] })).Message);
    }
}
