using Nabi.Ops;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Writes layers that have learned their groups as an index layer and a group convolution (Huang et al. 2018, CondenseNet, section 3.2 and figure 1;
/// Yang et al. 2021, CondenseNet V2, figure 4), which compute the same with 1/C of the weights.
/// </summary>
/// <remarks>
/// A layer that chooses inputs becomes Gather, group convolution, channel shuffle; the Gather goes before the normalization and activation that
/// feed only this layer. A layer that chooses outputs becomes channel shuffle, group convolution, and Gathers that bring each result to its
/// feature: as many as groups update one feature at most, added; features that no group updates gather a channel of zeros.
/// </remarks>
public static class IndexLayers
{
    /// <summary>Condenses layers whose groups have dropped what they may not keep.</summary>
    /// <param name="graph">The network that learned.</param>
    /// <param name="layers">Its layers.</param>
    /// <exception cref="NabiException">A layer is not there, or its groups still read too many features.</exception>
    public static Graph Condense(Graph graph, IReadOnlyList<LearnedGroups> layers)
    {
        var nodes = WeightAxes.Layers(graph).ToDictionary(l => l.Weight.Name, l => l, StringComparer.Ordinal);
        var byNode = new Dictionary<Node, Condensed>();
        var gathers = new Dictionary<Node, int[]>();
        var tensors = new Dictionary<Value, Tensor>();
        foreach (var layer in layers)
        {
            if (!nodes.TryGetValue(layer.Split.Weight, out var found)) throw new NabiException($"the network has no layer with the weight '{layer.Split.Weight}'");
            var condensed = new Condensed(found.Node, layer, layer.Choice(found.Weight.Data!), found.Axes);
            byNode[found.Node] = condensed;
            tensors[found.Weight] = condensed.Weight();
            if (condensed.ChoosesInputs) condensed.PlanGather(gathers, tensors);
            else condensed.PlanBias(tensors);
        }
        var rewriter = new Rewriter(graph, parameter: p => tensors.GetValueOrDefault(p, p.Data!));
        foreach (var node in graph.Nodes)
        {
            var input = gathers.TryGetValue(node, out var indices) ? Gather(rewriter.Builder, rewriter[node.Inputs[0]!], indices, node.Name) : rewriter.Map(node.Inputs[0]);
            if (byNode.TryGetValue(node, out var condensed)) rewriter.Visit(node, [condensed.Emit(rewriter, input!)]);
            else if (indices is null) rewriter.Visit(node, null);
            else rewriter.Visit(node, rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, [input, .. node.Inputs.Skip(1).Select(rewriter.Map)], [.. node.Outputs.Select(o => o.Name)]));
        }
        return rewriter.Finish();
    }

    private static Value Gather(GraphBuilder b, Value x, int[] indices, string layer)
    {
        var constant = b.Constant(Tensor.Vector<long>(Array.ConvertAll(indices, i => (long)i)), $"{layer}.channels");
        return b.ApplyNamed(new Gather { Axis = 1 }, $"{layer}.index", 1, [x, constant])[0];
    }

    // Channels seen as [groups, C / groups], transposed (Zhang et al. 2018, ShuffleNet, section 3.1).
    private static Value Shuffle(GraphBuilder b, Value x, int groups)
    {
        var shape = x.Shape;
        if (groups == 1 || groups == shape[1]) return x;
        var split = b.Reshape(x, [shape[0], groups, shape[1] / groups, shape[2], shape[3]]);
        return b.Reshape(b.Transpose(split, 0, 2, 1, 3, 4), shape);
    }

    /// <summary>One layer on its way: its node, what its groups keep, and where its weight keeps what.</summary>
    private sealed record Condensed(Node Node, LearnedGroups Layer, int[][] Choice, WeightAxes Axes)
    {
        private int Groups => Layer.Split.Groups;

        public bool ChoosesInputs => Layer.Split.Axis == Axes.OutputAxis;

        private int[] Chosen => [.. Choice.SelectMany(c => c)];

        /// <summary>
        /// The weight of the group convolution, groups one after the other. Filters (or inputs) are taken group by group: position g * n + k holds
        /// number k * G + g.
        /// </summary>
        public Tensor Weight()
        {
            var weight = Node.Inputs[Axes.Input]!.Data!;
            var members = Enumerable.Range(0, weight.Shape[Layer.Split.Axis] / Groups).ToArray();
            var parts = Choice.Select((chosen, g) => weight.Take(Layer.Split.Axis, Array.ConvertAll(members, k => k * Groups + g)).Take(1 - Layer.Split.Axis, chosen)).ToArray();
            return parts.Length == 1 ? parts[0] : Stacked(parts);
        }

        /// <summary>
        /// Finds where the Gather goes: before the longest chain of normalization and activations that only feeds this layer, if it makes their
        /// channels no more.
        /// </summary>
        public void PlanGather(Dictionary<Node, int[]> gathers, Dictionary<Value, Tensor> tensors)
        {
            var (at, chosen) = (Node, Chosen);
            while (chosen.Length <= Layer.Features && at.Inputs[0] is { UseCount: 1, Producer: { } before } x && x.Shape.Rank == Node.Output.Shape.Rank && IsChannelwise(before))
            {
                at = before;
                if (before.Op is not BatchNormalization) continue;
                foreach (var parameter in before.Inputs.Skip(1)) tensors[parameter!] = parameter!.Data!.Take(0, chosen);
            }
            gathers[at] = chosen;
            if (Bias is { } bias && Groups > 1) tensors[bias] = bias.Data!.Take(0, [.. Enumerable.Range(0, bias.Shape.Count).Select(i => i % (bias.Shape.Count / Groups) * Groups + i / (bias.Shape.Count / Groups))]);
        }

        /// <summary>Results are added before the bias is: it becomes [outputs, 1, 1].</summary>
        public void PlanBias(Dictionary<Value, Tensor> tensors)
        {
            if (Bias is { } bias) tensors[bias] = bias.Data!.Reshape([bias.Shape.Count, 1, 1]);
        }

        public Value Emit(Rewriter rewriter, Value input) => ChoosesInputs ? EmitInputs(rewriter, input) : EmitOutputs(rewriter, input);

        private Value? Bias => Node.Inputs.Count > 2 ? Node.Inputs[2] : null;

        private Value EmitInputs(Rewriter rewriter, Value input)
        {
            var op = Node.Op is Conv conv ? conv with { Group = Groups } : Node.Op;
            var y = rewriter.Builder.ApplyNamed(op, Node.Name, 1, [input, .. Node.Inputs.Skip(1).Select(rewriter.Map)])[0];
            return Shuffle(rewriter.Builder, y, Groups);
        }

        private Value EmitOutputs(Rewriter rewriter, Value input)
        {
            var b = rewriter.Builder;
            var conv = (Conv)Node.Op with { Group = Groups };
            var rows = b.ApplyNamed(conv, Node.Name, 1, [Shuffle(b, input, input.Shape[1] / Groups), rewriter[Node.Inputs[1]!]])[0];
            var slots = Slots();
            var zero = rows.Shape[1];
            if (slots.Exists(s => s.Contains(zero))) rows = b.Pad(rows, 0, 0, 0, 0, 0, 1, 0, 0);
            var y = Gather(b, rows, slots[0], Node.Name);
            foreach (var slot in slots.Skip(1)) y = b.Add(y, Gather(b, rows, slot, Node.Name));
            return Bias is { } bias ? b.Add(y, rewriter[bias]) : y;
        }

        // For each output the rows of the group convolution that are added to it, in as many lists as the output with most rows has; lists are
        // filled up with the row behind the last, which is zero.
        private List<int[]> Slots()
        {
            var chosen = Chosen;
            var (slots, used) = (new List<int[]>(), new int[Layer.Features]);
            for (var row = 0; row < chosen.Length; row++)
            {
                var slot = used[chosen[row]]++;
                if (slot == slots.Count)
                {
                    slots.Add(new int[Layer.Features]);
                    Array.Fill(slots[slot], chosen.Length);
                }
                slots[slot][chosen[row]] = row;
            }
            return slots;
        }

        private bool IsChannelwise(Node node) => node.Op switch
        {
            UnaryOp or Dropout => true,
            Clip => node.Inputs.Skip(1).All(v => v is null or { Data: not null }),
            BatchNormalization { TrainingMode: false } => node.Inputs.Skip(1).All(v => v is { Data: not null, UseCount: 1 }),
            _ => false,
        };

        // Along the first axis.
        private static Tensor Stacked(Tensor[] parts)
        {
            var whole = Tensor.Empty(parts[0].DType, parts[0].Shape.With(0, parts.Sum(p => p.Shape[0])));
            var at = 0;
            foreach (var part in parts)
            {
                part.Bytes.CopyTo(whole.Bytes[at..]);
                at += part.Bytes.Length;
            }
            return whole;
        }
    }
}
