using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// Learning from a teacher's scores (Hinton, Vinyals and Dean 2015, section 2): the loss becomes
/// (1 - Alpha) loss + Alpha T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over the batch.
/// </summary>
/// <param name="Alpha">Share of the teacher's term, 0 to 1. Default 0.5.</param>
/// <param name="Temperature">T, above 0. Default 4.</param>
public sealed record Distillation(double Alpha = 0.5, double Temperature = 4)
{
    /// <summary>
    /// Ask the teacher once per sample, without augmentation, before the training, instead of in every step on what the student sees? Faster; not together
    /// with mixup. Default false.
    /// </summary>
    public bool IsPrecomputed { get; init; }

    /// <summary>Adds the teacher's term to a loss.</summary>
    /// <param name="b">Where nodes are added.</param>
    /// <param name="loss">The loss on the labels, a scalar.</param>
    /// <param name="logits">The student's scores, [N, classes].</param>
    /// <param name="teacher">The teacher's scores, [N, classes].</param>
    public Value Build(GraphBuilder b, Value loss, Value logits, Value teacher)
    {
        if (Alpha is not (>= 0 and <= 1) || Temperature is not > 0)
            throw new NabiException($"Distillation with alpha {Alpha} and temperature {Temperature} is not possible; use 0 to 1, and above 0.");
        var inverse = b.Scalar(1 / Temperature, logits);
        var student = b.Apply(new LogSoftmax(), b.Mul(logits, inverse));
        var wanted = b.Apply(new LogSoftmax(), b.Mul(teacher, inverse));
        var divergence = b.ReduceSum(b.Mul(b.Exp(wanted), b.Sub(wanted, student)), [], keepdims: false);
        var scale = Alpha * Temperature * Temperature / logits.Shape[0];
        return b.Add(b.Mul(loss, b.Scalar(1 - Alpha, loss)), b.Mul(divergence, b.Scalar(scale, divergence)));
    }
}
