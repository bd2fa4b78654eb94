using Nabi.Compression.Distillation;
using Nabi.Models;
using Nabi.Training.Data;

namespace Nabi.Bench.Claims;

/// <summary>A promptable segmenter distilled by its encoder alone, and with prompts in the loop.</summary>
internal sealed class PromptInTheLoopClaim : Claim
{
    public override string Name => "prompt-in-the-loop";

    public override string Paper => "Zhou et al. 2023, EdgeSAM, sections 3.2 and 3.3";

    public override string Statement => "Distilling masks with prompts added where student and teacher disagree is better than distilling the encoder's embeddings alone.";

    public override void Run(ClaimRun run)
    {
        run.Say("400 drawn scenes, 200 others to test on; teacher's encoder begins with 8 channels (16 epochs on the scenes' masks), students' with 3. Equal epochs: 12 for the encoder alone, or 4 and then 8 for the second stage. Mean intersection over union with the scenes' masks, one point given.");
        run.Head("student", "mean IoU");
        var (scenes, test) = (ShapeScenes.Draw(400, 1), ShapeScenes.Draw(200, 2));
        var common = new PromptOptions { Threads = run.Threads };
        var teacher = PromptInTheLoop.Train(PromptSegmenter.Create(8, common.Prompts, 1), scenes, common with { Epochs = 16 });
        run.Row("the teacher", ClaimRun.Percent(PromptInTheLoop.MeanIou(teacher, test, common)));
        Row("encoder alone", (s, o) => PromptInTheLoop.DistilEncoder(s, teacher, scenes, o with { Epochs = 12 }));
        Row("encoder, then masks without new prompts", (s, o) => Then(s, o, iterations: 1));
        Row("encoder, then prompts in the loop", (s, o) => Then(s, o, iterations: 2));

        void Row(string what, Func<PromptSegmenter, PromptOptions, PromptSegmenter> distil) => run.Row(what, ClaimRun.Percent([.. run.Seeds.Select(seed =>
            PromptInTheLoop.MeanIou(distil(PromptSegmenter.Create(3, common.Prompts, 100 + seed), common with { Seed = seed }), test, common))]));

        // Without new prompts there are half as many steps an epoch: twice the epochs.
        PromptSegmenter Then(PromptSegmenter student, PromptOptions options, int iterations) => PromptInTheLoop.DistilWithPrompts(
            PromptInTheLoop.DistilEncoder(student, teacher, scenes, options with { Epochs = 4 }), teacher, scenes, options with { Epochs = 16 / iterations, Iterations = iterations });
    }
}
