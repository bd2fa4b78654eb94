using Nabi.Training.Data;

namespace Nabi.Training.Tests;

public class TeacherScoresTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Several_teachers_speak_with_the_mean_of_their_softened_probabilities(bool isPrecomputed)
    {
        var data = Glyphs.Draw(32, 10).Train;
        var options = new TrainingOptions { BatchSize = 8, Distillation = new Distillation(0.5, 3) { IsPrecomputed = isPrecomputed } };
        Graph[] teachers = [SmallModels.Cnn(seed: 1), SmallModels.Cnn(seed: 2, channels: 9), SmallModels.Cnn(seed: 3)];
        var loader = new BatchLoader(data, new BatchOptions { BatchSize = 8 });
        using var scores = new TeacherScores(teachers, data, loader, options, 10, ModelInput.Of(teachers[0], data), 1);
        var evaluation = new EvaluationOptions { Normalization = loader.Normalization };
        var separate = teachers.Select(t => Evaluator.Logits(t, data, evaluation).ToSingle()).ToArray();
        var batch = loader.Epoch(0).First();
        var said = scores.For(batch).ToSingle();
        for (var i = 0; i < 8; i++)
        {
            var softened = Softened(said.AsSpan(i * 10, 10));
            for (var c = 0; c < 10; c++)
                Assert.Equal(separate.Average(s => Softened(s.AsSpan(batch.Indices[i] * 10, 10))[c]), softened[c], 1e-5);
        }
    }

    private static double[] Softened(ReadOnlySpan<float> scores)
    {
        var e = Array.ConvertAll(scores.ToArray(), s => Math.Exp(s / 3));
        return Array.ConvertAll(e, x => x / e.Sum());
    }
}
