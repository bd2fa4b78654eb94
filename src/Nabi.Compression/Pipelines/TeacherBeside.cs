using Nabi.Compression.Pruning;

namespace Nabi.Compression.Pipelines;

/// <summary>
/// A pruned network and the one it was, in one graph on one input: the first output is the student's, the second the teacher's. Where a weight was pruned the teacher has
/// one of its own; the others it shares with the student.
/// </summary>
/// <param name="Graph">Both networks.</param>
/// <param name="Masks">By parameter: where the student's weights live, and where the teacher's own do.</param>
internal sealed record TeacherBeside(Graph Graph, IReadOnlyDictionary<string, Tensor> Masks)
{
    private const string Prefix = "teacher/", PrunedAway = "teacher.pruned_away/";

    /// <summary>Puts the two together.</summary>
    /// <param name="student">The pruned network; it may round its weights on the way.</param>
    /// <param name="original">The network before pruning: parameters of the same names, without rounding.</param>
    public static TeacherBeside Of(Graph student, Graph original)
    {
        var rewriter = new Rewriter(student);
        foreach (var node in student.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        if (student.Metadata.ContainsKey(MetadataKeys.AuxiliaryLoss)) throw new NabiException($"Model '{student.Name}' has a loss of its own; a teacher cannot be put beside it.");
        var shared = WeightLayer.Of(original).Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        var masks = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var map = new Dictionary<Value, Value> { [original.Inputs[0]] = rewriter[student.Inputs[0]] };
        foreach (var p in original.Parameters)
        {
            if (!shared.Contains(p.Name))
            {
                map[p] = b.Parameter(Prefix + p.Name, p.Data!, p.IsTrainable);
                continue;
            }
            var important = student.Parameter(p.Name) ?? throw new InvalidOperationException($"The pruned network has no weight '{p.Name}'.");
            var (kept, away) = Split(important.Data!, p.Data!);
            (masks[p.Name], masks[PrunedAway + p.Name]) = (kept.Mask, away.Mask);
            map[p] = b.Add(rewriter[important], b.Parameter(PrunedAway + p.Name, away.Weights));
        }
        foreach (var node in original.Nodes)
        {
            var outputs = b.ApplyNamed(node.Op, Prefix + node.Name, node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])], [.. node.Outputs.Select(o => Prefix + o.Name)]);
            for (var i = 0; i < outputs.Count; i++) map[node.Outputs[i]] = outputs[i];
        }
        b.Output(student.Outputs[0].Name, rewriter[student.Outputs[0].Value]);
        b.Output(Prefix + original.Outputs[0].Name, map[original.Outputs[0].Value]);
        return new TeacherBeside(b.Build(), masks);
    }

    /// <summary>The student as trained beside its teacher.</summary>
    public Graph StudentOf(Graph trained, Graph student) => student
        .WithParameters(student.Parameters.ToDictionary(p => p.Name, p => trained.Parameter(p.Name)!.Data!, StringComparer.Ordinal))
        .WithMetadata(trained.Metadata);

    // Where the student has a weight the teacher shares it, elsewhere it has what the weight was before.
    private static ((Tensor Mask, Tensor Weights) Kept, (Tensor Mask, Tensor Weights) Away) Split(Tensor important, Tensor before)
    {
        var (weights, old) = (important.ToSingle(), before.ToSingle());
        var (kept, away) = (Array.ConvertAll(weights, w => w != 0 ? 1f : 0f), Array.ConvertAll(weights, w => w == 0 ? 1f : 0f));
        return ((Tensor.Of(important.Shape, kept), important), (Tensor.Of(important.Shape, away), Tensor.Of(before.Shape, [.. old.Select((w, i) => w * away[i])])));
    }
}
