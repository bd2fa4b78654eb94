using Nabi.Compression.Distillation;
using Nabi.Ops;
using Nabi.Passes;
using Nabi.Training;

namespace Nabi.Compression.Tests.Distillation;

public class UnfoldBatchNormTests
{
    [Fact]
    public void Folded_and_unfolded_again_computes_the_same()
    {
        var folded = FoldBatchNormalization.Pass.Apply(TinyNet.Trained);
        Assert.DoesNotContain(folded.Nodes, n => n.Op is BatchNormalization);
        var unfolded = new UnfoldBatchNorm().Apply(folded, TinyNet.Context);

        Assert.Equal(folded.Nodes.Count(n => n.Op is Conv), unfolded.Nodes.Count(n => n.Op is BatchNormalization));
        var (before, after) = (Evaluator.Logits(folded, TinyNet.Data.Test).ToSingle(), Evaluator.Logits(unfolded, TinyNet.Data.Test).ToSingle());
        for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 1e-3f * Math.Max(1, Math.Abs(before[i])));
    }

    [Fact]
    public void What_has_batch_normalization_stays_as_it_is() =>
        Assert.Same(TinyNet.Trained, new UnfoldBatchNorm().Apply(TinyNet.Trained, TinyNet.Context));

    [Fact]
    public void The_statistics_are_the_batches_own()
    {
        // With measured statistics a training step normalizes by nearly the same numbers as inference: the loss starts where evaluation ends.
        var unfolded = new UnfoldBatchNorm { Samples = 4096 }.Apply(FoldBatchNormalization.Pass.Apply(TinyNet.Trained), TinyNet.Context);
        var result = new Trainer(unfolded, TinyNet.Data.Train, new TrainingOptions { Epochs = 1, BatchSize = 32, LearningRate = 1e-6 }) { Threads = 1 }.Run();
        Assert.Equal(Evaluator.Evaluate(unfolded, TinyNet.Data.Train).Loss, result.History[0].Loss, 0.1);
    }
}
