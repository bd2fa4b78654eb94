namespace Nabi.Training;

/// <summary>
/// The student attends to what its teacher attends to: Zagoruyko and Komodakis 2017, "Paying More Attention to Attention", section 3.1, equation 2, with
/// p = 2. The attention of a feature map A is Q = vec(sum over the channels of A^2), and the term is
/// Beta / 2 times the sum over the pairs of || Q_S / ||Q_S|| - Q_T / ||Q_T|| ||^2.
/// </summary>
/// <param name="Model">The teacher.</param>
/// <remarks>
/// As in the authors' code the distance is squared, and is the mean over samples and pixels; the paper divides its beta by their number instead. Students
/// need not have the teacher's channels, only the height and width of its maps.
/// </remarks>
public sealed record AttentionTransfer(Graph Model) : Guidance
{
    // Maps that are zero everywhere have no direction; the root has no derivative at 0.
    private const double SmallestSquare = 1e-12;

    /// <summary>The factor beta, 0 or more. Default 1000.</summary>
    public double Beta { get; init; } = 1000;

    /// <summary>Pairs <c>student=teacher</c> of layers; the stages of equal size when empty. Default empty.</summary>
    public ValueArray<string> Layers { get; init; } = [];

    /// <inheritdoc/>
    public override Graph Teacher => Model;

    /// <inheritdoc/>
    public override string? Fault => Beta is >= 0 and < 1e9 ? null : $"Attention transfer with a beta of {Beta} is not possible; use 0 or more.";

    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var b = context.Builder;
        Value? sum = null;
        foreach (var (student, teacher) in Features.Pairs(context.Model, Model, Layers))
        {
            var (mine, wanted) = (Attention(b, context.Student(student)), Attention(b, context.Of(Model, teacher)));
            if (!mine.Shape.Equals(wanted.Shape))
                throw new NabiException($"'{student.Name}' {student.Shape} and '{teacher.Name}' {teacher.Shape} differ in height or width, so that their attention cannot be compared.");
            var distance = b.Mul(b.ReduceSum(b.Square(b.Sub(mine, wanted)), [], keepdims: false), Beta / 2 / mine.Shape.Count);
            sum = sum is null ? distance : b.Add(sum, distance);
        }
        return sum!;
    }

    // [N, C, H, W] to rows [N, H W] of length 1.
    private static Value Attention(GraphBuilder b, Value features)
    {
        var map = b.ReduceSum(b.Square(features), [1], keepdims: false);
        var rows = b.Reshape(map, [features.Shape[0], features.Shape[2] * features.Shape[3]]);
        return b.Div(rows, b.Sqrt(b.Add(b.ReduceSum(b.Square(rows), [1]), SmallestSquare)));
    }
}
