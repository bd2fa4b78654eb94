using Nabi.Ops;
using Nabi.Runtime.Kernels;
using BatchNormalization = Nabi.Ops.BatchNormalization;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Batch normalization: with the batch's statistics and its gradient, and with fixed statistics where it is not folded into a convolution.</summary>
internal static unsafe class BatchNormLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(BatchNormalization)] = Lower;
        table[typeof(BatchNormalizationGradient)] = LowerGradient;
    }

    private static bool Lower(IReadOnlyList<Node> group, Planner planner)
    {
        var node = group[0];
        if (node.Inputs.Any(v => v is not { DType: DType.Float32 }) || node.Output.Shape.Count == 0) return false;
        return ((BatchNormalization)node.Op).TrainingMode ? LowerTraining(group, planner) : group.Count == 1 && LowerFixed(node, planner);
    }

    private static bool LowerTraining(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, op, result) = (group[0], (BatchNormalization)group[0].Op, group[^1].Output);
        var layout = result.Shape.Rank > 2 ? Layout.ChannelsLast : Layout.RowMajor;
        var x = planner.Read(node.Inputs[0]!, layout);
        var parameters = node.Inputs.Skip(1).Select(v => planner.Read(v!)).ToArray();
        var epilogue = Epilogues.Plan(group, planner, layout);
        if (epilogue.Bias is not null || !epilogue.Activation.TryGetRange(out var low, out var high)) return false;
        var channels = result.Shape[1];
        var rows = result.Shape.Count / channels;
        var y = planner.Define(result, layout);
        // New running mean and variance, batch mean and inverse deviation: memory of the step where the graph does not ask for them.
        var statistics = new Slot[4];
        for (var i = 0; i < 4; i++)
            statistics[i] = i + 1 < node.Outputs.Count ? planner.Define(node.Outputs[i + 1]) : Planner.Scratch($"{node.Name}.{i + 1}", DType.Float32, channels);
        var scratch = Planner.Scratch(node.Name, DType.Float64, BatchNorm.ScratchSize(planner.Options.Threads, channels));
        var defined = statistics.Take(Math.Max(0, node.Outputs.Count - 1)).ToArray();
        var inPlace = new List<(int, Slot)>();
        if (epilogue.Residual is { } r) inPlace.Add((0, r));
        for (var i = 0; i < Math.Min(2, defined.Length); i++) inPlace.Add((i + 1, parameters[2 + i]));
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name)), $"batchnorm.training{epilogue.Suffix}", [x, .. parameters, .. epilogue.Slots], [y, .. defined], context =>
        {
            var s = new BatchNorm.Statistics
            {
                Scale = parameters[0].Floats, Offset = parameters[1].Floats, RunningMean = parameters[2].Floats, RunningVariance = parameters[3].Floats,
                NewRunningMean = statistics[0].Floats, NewRunningVariance = statistics[1].Floats, Mean = statistics[2].Floats, Inverse = statistics[3].Floats,
                Momentum = op.Momentum, Epsilon = op.Epsilon,
            };
            BatchNorm.Forward(context.Pool, rows, channels, x.Floats, epilogue.Residual is null ? null : epilogue.Residual.Floats, low, high, y.Floats, s, (double*)scratch.Address);
        })
        {
            Scratch = [scratch, .. statistics.Skip(defined.Length)],
            InPlace = inPlace,
        });
        return true;
    }

    private static bool LowerFixed(Node node, Planner planner)
    {
        var (factor, shift) = Normalization.Affine(node, planner);
        var layout = planner.ReadAny(node.Inputs[0]!).Layout;
        var (x, y) = (planner.Read(node.Inputs[0]!, layout), planner.Define(node.Output, layout));
        var order = Layouts.Order(x.Shape.Rank, layout);
        var plain = Layouts.Strides(x.Shape, layout);
        var own = new ElementOperand { Strides = Array.ConvertAll(order, a => plain[a]) };
        var perChannel = new ElementOperand { Strides = Array.ConvertAll(order, a => a == 1 ? 1L : 0L) };
        var program = new ElementProgram(Array.ConvertAll(order, a => x.Shape[a]), [own, perChannel, perChannel],
            [new ElementInstruction(ElementKind.Multiply, default, 0, 1), new ElementInstruction(ElementKind.Add, default, 3, 2)], writesBytes: false);
        var addresses = new nint[3];
        planner.Emit(new Step(node.Name, "batchnorm.fixed", [x, factor, shift], [y], context =>
        {
            (addresses[0], addresses[1], addresses[2]) = ((nint)x.Address, (nint)factor.Address, (nint)shift.Address);
            program.Run(context.Pool, addresses, y.Address);
        })
        {
            InPlace = [(0, x)],
        });
        return true;
    }

    // With a gate, dY is what flows into the activation after the normalization.
    private static bool LowerGradient(IReadOnlyList<Node> group, Planner planner)
    {
        var node = group[0];
        if (node.Inputs.Count < 5 || node.Inputs.Any(v => v is not { DType: DType.Float32 }) || node.Inputs[0]!.Shape.Count == 0) return false;
        var (data, gate) = (node.Inputs[0]!, planner.Fusion.GateOf(node));
        var layout = data.Shape.Rank > 2 ? Layout.ChannelsLast : Layout.RowMajor;
        var (x, dy) = (planner.Read(data, layout), planner.Read(gate?.Gradient ?? node.Inputs[2]!, layout));
        var (scale, mean, inverse) = (planner.Read(node.Inputs[1]!), planner.Read(node.Inputs[3]!), planner.Read(node.Inputs[4]!));
        var offset = gate is null ? null : planner.Read(gate.Argument.Producer!.Inputs[2]!);
        var (low, high) = gate is null ? (0f, 0f) : (gate.Low, gate.High);
        var dx = planner.Define(node.Outputs[0], layout);
        var (dscale, doffset) = (Defined(1), Defined(2));
        var channels = data.Shape[1];
        var rows = data.Shape.Count / channels;
        var scratch = Planner.Scratch(node.Name, DType.Float64, BatchNorm.ScratchSize(planner.Options.Threads, channels));
        Slot[] inputs = [x, dy, scale, mean, inverse, .. offset is null ? [] : (Slot[])[offset]];
        Slot[] optional = [dscale, doffset];
        planner.Emit(new Step(node.Name, $"batchnorm.gradient{(gate is null ? "" : "+gate")}", inputs, [dx, .. optional.Take(node.Outputs.Count - 1)], context =>
            BatchNorm.Backward(context.Pool, rows, channels, x.Floats, dy.Floats, scale.Floats, offset is null ? default(BatchNorm.Gate) : new BatchNorm.Gate(offset.Floats, low, high), mean.Floats, inverse.Floats,
                dx.Floats, dscale.Floats, doffset.Floats, (double*)scratch.Address))
        {
            Scratch = [scratch, .. optional.Skip(node.Outputs.Count - 1)],
            InPlace = [(0, dy)],
        });
        return true;

        Slot Defined(int i) => i < node.Outputs.Count ? planner.Define(node.Outputs[i]) : Planner.Scratch($"{node.Name}.{i}", DType.Float32, data.Shape[1]);
    }
}
