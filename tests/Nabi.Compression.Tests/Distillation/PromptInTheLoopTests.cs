using Nabi.Compression.Distillation;
using Nabi.Models;
using Nabi.Training.Data;

namespace Nabi.Compression.Tests.Distillation;

public class PromptInTheLoopTests
{
    private static readonly PromptOptions Options = new() { Threads = 1, BatchSize = 8 };

    [Fact]
    public void New_prompts_lie_where_student_and_teacher_disagree_and_say_who_is_right()
    {
        var batch = new PromptBatch(ShapeScenes.Draw(3), 3, prompts: 4);
        batch.Fill([0, 1, 2]);
        const int Pixels = 32 * 32;
        var (student, teacher) = (new float[3 * Pixels], new float[3 * Pixels]);
        Array.Fill(student, -1f);
        (student[40], teacher[40]) = (2, 1);               // both inside
        (student[50], teacher[77]) = (1, 1);               // sample 0: one too many, one too few
        teacher[Pixels + 5] = 1;                           // sample 1: one too few
        for (var i = 0; i < 4; i++) batch.AddDisagreement(student, teacher, new Rng((ulong)i));
        Assert.All(batch.Prompts(0), p => Assert.True(p is (50, PromptKind.Outside) or (77, PromptKind.Inside), $"{p}"));
        Assert.Equal(2, batch.Prompts(0).Distinct().Count());
        Assert.All(batch.Prompts(1), p => Assert.Equal((5, PromptKind.Inside), p));
        Assert.Empty(batch.Prompts(2));
    }

    [Fact]
    public void A_student_learns_the_embeddings_and_then_the_masks()
    {
        var (scenes, test) = (ShapeScenes.Draw(160, 1), ShapeScenes.Draw(60, 2));
        var teacher = PromptInTheLoop.Train(PromptSegmenter.Create(8, Options.Prompts, seed: 1), scenes, Options with { Epochs = 12 });
        var student = PromptSegmenter.Create(3, Options.Prompts, seed: 2);
        var encoded = PromptInTheLoop.DistilEncoder(student, teacher, scenes, Options with { Epochs = 6 });
        var prompted = PromptInTheLoop.DistilWithPrompts(encoded, teacher, scenes, Options with { Epochs = 6 });
        double Iou(PromptSegmenter s) => PromptInTheLoop.MeanIou(s, test, Options);
        double[] ious = [Iou(student), Iou(encoded), Iou(prompted), Iou(teacher)];
        Assert.True(ious[1] > ious[0] + 0.05 && ious[2] > ious[1], string.Join(", ", ious));
        Assert.True(prompted.Encoder.ParameterCount < teacher.Encoder.ParameterCount / 3);
        Assert.Contains("create the segmenter for so many", Assert.Throws<NabiException>(() => PromptInTheLoop.Train(teacher, scenes, Options with { Iterations = 4 })).Message);
    }
}
