using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// The student's features predict its teacher's: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", section 2.2, equation 3:
/// 1/2 || u(x) - r(v(x)) ||^2, with u the teacher's hint layer, v the student's guided layer and r a learned convolution that bridges the difference of their
/// channels and sizes, followed by the hint's own activation so that both are comparable.
/// </summary>
/// <param name="Model">The teacher.</param>
/// <remarks>
/// The regressor's kernel is as large as the maps differ, (H_v - H_u + 1) x (W_v - W_u + 1), as in the paper. The distance is the mean over the elements
/// rather than their sum, so that the learning rate does not depend on the size of the layer. The paper trains in two stages: with this term alone up to the
/// guided layer (<see cref="GuidanceAlone"/>), then with distillation; together with a loss on labels both stages are one.
/// </remarks>
public sealed record Hints(Graph Model) : Guidance
{
    /// <summary>The factor, 0 or more. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Pairs <c>guided=hint</c> of layers; when empty, the middle one of the stages of equal size, as the paper takes middle layers. Default empty.</summary>
    public ValueArray<string> Layers { get; init; } = [];

    /// <inheritdoc/>
    public override Graph Teacher => Model;

    /// <inheritdoc/>
    public override string? Fault => Weight is >= 0 and < 1e9 ? null : $"Hints with a weight of {Weight} are not possible; use 0 or more.";

    /// <summary>The pairs of guided and hint layers for a student.</summary>
    /// <exception cref="NabiException">A name is unknown, or nothing fits.</exception>
    public IReadOnlyList<(Value Guided, Value Hint)> PairsFor(Graph student)
    {
        var pairs = Features.Pairs(student, Model, Layers);
        return Layers.IsEmpty ? [pairs[(pairs.Count - 1) / 2]] : pairs;
    }

    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var b = context.Builder;
        Value? sum = null;
        foreach (var (guided, hint) in PairsFor(context.Model))
        {
            var (v, u) = (context.Student(guided), context.Of(Model, hint));
            var (height, width) = (v.Shape[2] - u.Shape[2] + 1, v.Shape[3] - u.Shape[3] + 1);
            if (height < 1 || width < 1)
                throw new NabiException($"The hint '{hint.Name}' {hint.Shape} is larger than the guided layer '{guided.Name}' {guided.Shape}; choose an earlier guided or a later hint layer.");
            var r = b.Conv(v, context.Weight($"{guided.Name}.regressor", [u.Shape[1], v.Shape[1], height, width]), context.Parameter($"{guided.Name}.regressor.bias", Tensor.Zeros(DType.Float32, [u.Shape[1]])));
            if (hint.Producer is { Op: UnaryOp activation, Inputs.Count: 1 }) r = b.Apply(activation, r);
            var distance = b.Mul(b.ReduceSum(b.Square(b.Sub(u, r)), [], keepdims: false), Weight / 2 / u.Shape.Count);
            sum = sum is null ? distance : b.Add(sum, distance);
        }
        return sum!;
    }
}
