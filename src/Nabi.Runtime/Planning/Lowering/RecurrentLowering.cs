using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// Recurrent layers of floats with the cells' own activations, steps first. Peepholes, clipping, coupled gates, sequences of different lengths and other
/// activations run by the reference evaluation.
/// </summary>
internal static unsafe class RecurrentLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) =>
        table[typeof(RNN)] = table[typeof(GRU)] = table[typeof(LSTM)] = (g, p) => Lower(g[0], p);

    private static bool Lower(Node node, Planner planner)
    {
        var (op, x) = ((RecurrentOp)node.Op, node.Inputs[0]!);
        if (KindOf(op) is not { } kind || op.Layout != 0 || !op.Activations.IsEmpty || op.Clip is not null) return false;
        if (Optional(node, 4) is not null || Optional(node, 7) is not null || node.Inputs.Any(v => v is { DType: not DType.Float32 })) return false;
        if (x.Shape.Count == 0 || node.Outputs[0].Shape.Count == 0) return false;
        var shape = node.Outputs[0].Shape;
        var (steps, directions, batch, hidden) = (shape[0], shape[1], shape[2], shape[3]);
        var states = batch * hidden;
        var layers = new RecurrentLayer[directions];
        for (var d = 0; d < directions; d++)
        {
            layers[d] = new RecurrentLayer
            {
                Kind = kind, Steps = steps, Batch = batch, Inputs = x.Shape[2], Hidden = hidden, StepStride = (long)directions * states,
                IsReversed = op.Direction == RecurrentDirection.Reverse || d == 1,
            };
        }
        Emit(node, planner, layers, states);
        return true;
    }

    private static RecurrentCellKind? KindOf(RecurrentOp op) => op switch
    {
        RNN => RecurrentCellKind.Simple,
        GRU { LinearBeforeReset: true } => RecurrentCellKind.GatedResetAfter,
        GRU => RecurrentCellKind.GatedResetBefore,
        LSTM { InputForget: false } => RecurrentCellKind.LongShortTerm,
        _ => null,
    };

    private static void Emit(Node node, Planner planner, RecurrentLayer[] layers, int states)
    {
        var (x, packed) = (planner.Read(node.Inputs[0]!), Packed(node, layers, planner));
        var (bias, h0, c0) = (Read(node, 3, planner), Read(node, 5, planner), Read(node, 6, planner));
        var outputs = node.Outputs.Select(v => planner.Define(v)).ToArray();
        var scratch = Planner.Scratch(node.Name, DType.Float32, layers[0].ScratchSize + (2L * states));
        var biasStep = bias is null ? 0 : bias.Shape[1];
        planner.Emit(new Step(node.Name, $"recurrent.{node.Op.Name}", [x, packed, .. ((Slot?[])[bias, h0, c0]).OfType<Slot>()], outputs, context =>
        {
            for (var d = 0; d < layers.Length; d++)
            {
                var h = scratch.Floats;
                var c = outputs.Length > 2 ? outputs[2].Floats + ((long)d * states) : h + states;
                Start(h0, d, h, states);
                Start(c0, d, c, states);
                var last = layers[d].Run(context.Pool, x.Floats, packed.Floats + (d * layers[d].PackedSize), bias is null ? null : bias.Floats + ((long)d * biasStep),
                    h, c, outputs[0].Floats + ((long)d * states), scratch.Floats + (2L * states));
                if (outputs.Length > 1) new Span<float>(last, states).CopyTo(new Span<float>(outputs[1].Floats + ((long)d * states), states));
            }
        })
        {
            Macs = node.Cost.Macs,
            Scratch = [scratch],
        });
    }

    private static Slot Packed(Node node, RecurrentLayer[] layers, Planner planner)
    {
        var (w, r) = (planner.Read(node.Inputs[1]!), planner.Read(node.Inputs[2]!));
        var (size, wSize, rSize) = (layers[0].PackedSize, w.Shape.Count / layers.Length, r.Shape.Count / layers.Length);
        var count = size * layers.Length;
        var packed = new Slot($"{node.Name}.packed", DType.Float32, Shape.Create([checked((int)count)]), Layout.RowMajor, SlotHome.Arena, count * sizeof(float));
        planner.Emit(new Step(node.Name, "recurrent.pack", [w, r], [packed], context =>
        {
            for (var d = 0; d < layers.Length; d++) layers[d].Pack(context.Pool, w.Floats + ((long)d * wSize), r.Floats + ((long)d * rSize), packed.Floats + (d * size));
        }));
        return packed;
    }

    private static void Start(Slot? given, int direction, float* state, int count)
    {
        var target = new Span<float>(state, count);
        if (given is null) target.Clear();
        else new Span<float>(given.Floats + ((long)direction * count), count).CopyTo(target);
    }

    private static Value? Optional(Node node, int index) => index < node.Inputs.Count ? node.Inputs[index] : null;

    private static Slot? Read(Node node, int index, Planner planner) => Optional(node, index) is { } value ? planner.Read(value) : null;
}
