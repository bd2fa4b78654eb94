using Nabi.Ops;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Dropout while training: one draw per element in the graph's order, as the reference draws.</summary>
internal static unsafe class DropoutLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(Dropout)] = (g, p) => Lower(g[0], p);

    private static bool Lower(Node node, Planner planner)
    {
        if (node.Op is not Dropout { Seed: null } || node.Inputs[0] is not { DType: DType.Float32 } data) return false;
        if (node.Inputs is not [_, var given, { Constant: { } mode }] || !mode.Bytes.ContainsAnyExcept((byte)0)) return false;
        if (given is not null && given.Constant is null) return false;
        var ratio = given?.Constant!.Item() ?? 0.5;
        if (ratio is not (> 0 and < 1)) return false;
        var (x, y) = (planner.Read(data), planner.Define(node.Outputs[0]));
        var mask = node.Outputs.Count > 1 ? planner.Define(node.Outputs[1]) : Planner.Scratch(node.Name, DType.Bool, data.Shape.Count);
        var (count, factor) = (data.Shape.Count, 1 / (1 - ratio));
        planner.Emit(new Step(node.Name, "dropout", [x], node.Outputs.Count > 1 ? [y, mask] : [y], context =>
        {
            var read = x.Floats;
            var write = y.Floats;
            var kept = mask.Address;
            for (var i = 0; i < count; i++)
            {
                var isKept = context.Rng.NextSingle() >= ratio;
                kept[i] = isKept ? (byte)1 : (byte)0;
                write[i] = isKept ? (float)(read[i] * factor) : 0;
            }
        })
        {
            IsDeterministic = false,
            Scratch = node.Outputs.Count > 1 ? [] : [mask],
            InPlace = [(0, x)],
        });
        return true;
    }
}
