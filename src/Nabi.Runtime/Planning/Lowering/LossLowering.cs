using Nabi.Ops;
using Softmax = Nabi.Runtime.Kernels.Softmax;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Softmax over the last axis, and softmax cross-entropy of [N, C] scores with its gradient.</summary>
internal static unsafe class LossLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(Ops.Softmax)] = (g, p) => LowerSoftmax(g[0], p, ((Ops.Softmax)g[0].Op).Axis, logarithm: false);
        table[typeof(LogSoftmax)] = (g, p) => LowerSoftmax(g[0], p, ((LogSoftmax)g[0].Op).Axis, logarithm: true);
        table[typeof(SoftmaxCrossEntropyLoss)] = (g, p) => LowerLoss(g[0], p);
        table[typeof(SoftmaxCrossEntropyGradient)] = (g, p) => LowerLossGradient(g[0], p);
    }

    private static bool LowerSoftmax(Node node, Planner planner, int axis, bool logarithm)
    {
        var data = node.Inputs[0]!;
        var shape = data.Shape;
        if (data.DType != DType.Float32 || shape.Count == 0 || shape.Rank == 0) return false;
        var at = shape.Axis(axis);
        var layout = at == 1 && planner.IsChannelsLast(data) ? Layout.ChannelsLast : Layout.RowMajor;
        if (layout == Layout.RowMajor && shape.CountOf(at + 1, shape.Rank) != 1) return false;
        var (x, y) = (planner.Read(data, layout), planner.Define(node.Output, layout));
        var columns = shape[at];
        var rows = shape.Count / columns;
        planner.Emit(new Step(node.Name, logarithm ? "softmax.log" : "softmax", [x], [y], c => Softmax.Run(c.Pool, rows, columns, logarithm, x.Floats, y.Floats))
        {
            InPlace = [(0, x)],
        });
        return true;
    }

    private static bool IsPlain(ClassificationLoss op, Value scores, Value labels, Value? weights) =>
        scores is { DType: DType.Float32, Shape.Rank: 2 } && scores.Shape.Count > 0 && weights is null
        && labels.DType is DType.Int64 or DType.Int32 && op.Reduction is LossReduction.Mean or LossReduction.Sum;

    private static bool LowerLoss(Node node, Planner planner)
    {
        var op = (SoftmaxCrossEntropyLoss)node.Op;
        var (scores, labels) = (node.Inputs[0]!, node.Inputs[1]!);
        if (!IsPlain(op, scores, labels, node.Inputs.Count > 2 ? node.Inputs[2] : null)) return false;
        var (x, of, loss) = (planner.Read(scores), planner.Read(labels), planner.Define(node.Outputs[0]));
        var logarithms = node.Outputs.Count > 1 ? planner.Define(node.Outputs[1]) : Planner.Scratch(node.Name, DType.Float32, scores.Shape.Count);
        var (rows, columns) = (scores.Shape[0], scores.Shape[1]);
        planner.Emit(new Step(node.Name, "loss.cross-entropy", [x, of], node.Outputs.Count > 1 ? [loss, logarithms] : [loss], c =>
        {
            Softmax.Run(c.Pool, rows, columns, logarithm: true, x.Floats, logarithms.Floats);
            double sum = 0;
            var counted = 0;
            for (var r = 0; r < rows; r++)
            {
                if (Label(of, r, columns, op.IgnoreIndex) is not (>= 0 and var label)) continue;
                sum -= logarithms.Floats[((long)r * columns) + label];
                counted++;
            }
            *loss.Floats = (float)(op.Reduction == LossReduction.Mean ? sum / counted : sum);
        })
        {
            Scratch = node.Outputs.Count > 1 ? [] : [logarithms],
        });
        return true;
    }

    private static bool LowerLossGradient(Node node, Planner planner)
    {
        var op = (SoftmaxCrossEntropyGradient)node.Op;
        var (scores, labels) = (node.Inputs[0]!, node.Inputs[1]!);
        if (!IsPlain(op, scores, labels, node.Inputs.Count > 3 ? node.Inputs[3] : null)) return false;
        var (x, of, incoming, dx) = (planner.Read(scores), planner.Read(labels), planner.Read(node.Inputs[2]!), planner.Define(node.Output));
        var (rows, columns) = (scores.Shape[0], scores.Shape[1]);
        planner.Emit(new Step(node.Name, "loss.cross-entropy-gradient", [x, of, incoming], [dx], c =>
        {
            Softmax.Run(c.Pool, rows, columns, logarithm: false, x.Floats, dx.Floats);
            var counted = 0;
            for (var r = 0; r < rows; r++)
                if (Label(of, r, columns, op.IgnoreIndex) >= 0) counted++;
            var factor = *incoming.Floats / (op.Reduction == LossReduction.Mean ? counted : 1);
            for (var r = 0; r < rows; r++)
            {
                var row = dx.Floats + ((long)r * columns);
                var label = Label(of, r, columns, op.IgnoreIndex);
                if (label >= 0) row[label] -= 1;
                for (var i = 0; i < columns; i++) row[i] = label < 0 ? 0 : row[i] * factor;
            }
        })
        {
            InPlace = [(0, x)],
        });
        return true;
    }

    // The class of a sample, or -1 if it is ignored.
    private static int Label(Slot labels, int row, int classes, long? ignored)
    {
        var label = labels.DType == DType.Int64 ? ((long*)labels.Address)[row] : ((int*)labels.Address)[row];
        if (label == ignored) return -1;
        return label >= 0 && label < classes ? (int)label : throw new NabiException($"a label is {label}, but there are {classes} classes");
    }
}
