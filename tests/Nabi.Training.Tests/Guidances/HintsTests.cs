using Nabi.Training.Data;

namespace Nabi.Training.Tests.Guidances;

public class HintsTests
{
    [Fact]
    public void A_student_alone_with_hints_learns_to_predict_its_teachers_features()
    {
        var data = Glyphs.Draw(64, 10).Train;
        var teacher = new Trainer(SmallModels.Cnn(channels: 8), data, new TrainingOptions { Epochs = 4, BatchSize = 16 }).Run().Model;
        var student = SmallModels.Cnn(channels: 3, seed: 4);
        var options = new TrainingOptions { Epochs = 12, BatchSize = 16, LearningRate = 0.05, Loss = new GuidanceAlone(), Guidance = [new Hints(teacher)] };
        var result = new Trainer(student, data, options) { Threads = 1 }.Run();
        Assert.True(result.History[^1].Loss < 0.75 * result.History[0].Loss, $"{result.History[0].Loss} -> {result.History[^1].Loss}");
        // The regressor is forgotten.
        Assert.Equal(student.Parameters.Select(p => p.Name), result.Model.Parameters.Select(p => p.Name));
    }

    [Fact]
    public void The_regressor_bridges_larger_maps_and_refuses_smaller_ones()
    {
        var hints = new Hints(SmallModels.Cnn(channels: 4, layers: 2)) { Layers = ["Relu=Relu_1"] };
        var options = Steps.Plain(2) with { Loss = new GuidanceAlone(), Guidance = [hints] };
        Tensor image = Tensor.Full([2, 1, 28, 28], 0.5f), targets = Steps.OneHot(10, 1, 2);
        Assert.True(Steps.Run(SmallModels.Cnn(), options, image, targets).Loss > 0);
        var wrong = options with { Guidance = [hints with { Layers = ["Relu_1=Relu"] }] };
        Assert.Contains("is larger than the guided layer", Assert.Throws<NabiException>(() => Steps.Run(SmallModels.Cnn(layers: 2), wrong, image, targets)).Message);
    }
}
