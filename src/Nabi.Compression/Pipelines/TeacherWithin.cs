using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Pipelines;

/// <summary>
/// The first output of a graph is the student, the second the teacher that shares its important weights (Kim, Chang and Kwak 2021, PQK, phase 2): the teacher learns from
/// the labels, the student from the labels and from the teacher's softened scores, T^2 KL(teacher / T || student / T). The teacher takes no notice of the student's loss.
/// </summary>
/// <param name="Alpha">Share of the teacher's voice in the student's loss, 0 to 1.</param>
/// <param name="Temperature">T, above 0.</param>
internal sealed record TeacherWithin(double Alpha, double Temperature) : Guidance
{
    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var (b, teacher) = (context.Builder, context.Scores(1));
        var given = b.Apply(new StopGradient(), teacher);
        var taught = b.Mul(Training.Distillation.Divergence(b, context.Logits, given, Temperature), Alpha * Temperature * Temperature);
        // The trainer's own loss is the student's on the labels, of which 1 - Alpha is wanted.
        return b.Add(b.Sub(taught, b.Mul(context.LabelLoss(context.Logits), Alpha)), context.LabelLoss(teacher));
    }
}
