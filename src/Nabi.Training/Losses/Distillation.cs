namespace Nabi.Training;

/// <summary>
/// Learning from a teacher's scores (Hinton, Vinyals and Dean 2015, section 2): the loss becomes
/// (1 - Alpha) loss + Alpha T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over the batch. Of several teachers the softened
/// probabilities softmax(teacher / T) are averaged, the arithmetic mean of section 2.
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
        return b.Add(b.Mul(loss, 1 - Alpha), b.Mul(Divergence(b, logits, teacher, Temperature), Alpha * Temperature * Temperature));
    }

    /// <summary>KL(softmax(teacher / T) || softmax(student / T)), the mean over the batch.</summary>
    internal static Value Divergence(GraphBuilder b, Value student, Value teacher, double temperature)
    {
        var said = b.LogSoftmax(b.Mul(student, 1 / temperature));
        var wanted = b.LogSoftmax(b.Mul(teacher, 1 / temperature));
        return b.Mul(b.ReduceSum(b.Mul(b.Exp(wanted), b.Sub(wanted, said)), [], keepdims: false), 1.0 / student.Shape[0]);
    }
}
