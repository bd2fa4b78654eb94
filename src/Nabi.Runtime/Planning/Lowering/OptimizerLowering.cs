using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Optimizer updates: parameter and state are written in place where nothing reads the old ones later, else copied first.</summary>
internal static unsafe class OptimizerLowering
{
    private delegate void Update(WorkPool pool, long count, float* parameter, float* gradient, float* first, float* second, Slot[] inputs);

    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(SgdUpdate)] = (g, p) => Lower(g[0], p, firstState: 3, Sgd((SgdUpdate)g[0].Op));
        table[typeof(AdamUpdate)] = (g, p) => Lower(g[0], p, firstState: 4, Adam((AdamUpdate)g[0].Op));
        table[typeof(RmsPropUpdate)] = (g, p) => Lower(g[0], p, firstState: 3, RmsProp((RmsPropUpdate)g[0].Op));
    }

    private static Update Sgd(SgdUpdate op) => (pool, count, parameter, gradient, first, _, x) =>
        ParameterUpdate.Sgd(pool, count, parameter, gradient, first, *x[2].Floats, op.Momentum, op.WeightDecay, op.Nesterov);

    private static Update Adam(AdamUpdate op) => (pool, count, parameter, gradient, first, second, x) =>
        ParameterUpdate.Adam(pool, count, parameter, gradient, first, second, Integer(x[3]), *x[2].Floats, op.Beta1, op.Beta2, op.Epsilon, op.WeightDecay, op.Decoupled);

    // The graph's states are mean square and velocity, in this order.
    private static Update RmsProp(RmsPropUpdate op) => (pool, count, parameter, gradient, first, second, x) =>
        ParameterUpdate.RmsProp(pool, count, parameter, gradient, second, first, *x[2].Floats, op.Alpha, op.Momentum, op.Epsilon, op.WeightDecay);

    private static long Integer(Slot slot) => slot.DType switch
    {
        DType.Int64 => *(long*)slot.Address,
        DType.Int32 => *(int*)slot.Address,
        _ => (long)*slot.Floats,
    };

    private static bool Lower(Node node, Planner planner, int firstState, Update update)
    {
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            var isCounter = firstState == 4 && i == 3;
            if (node.Inputs[i]!.DType != DType.Float32 && !(isCounter && node.Inputs[i]!.DType is DType.Int64 or DType.Int32)) return false;
        }
        var inputs = node.Inputs.Select(v => planner.Read(v!)).ToArray();
        var outputs = node.Outputs.Select(v => planner.Define(v)).ToArray();
        var pairs = new (int Output, Slot Input)[outputs.Length];
        for (var i = 0; i < pairs.Length; i++) pairs[i] = (i, inputs[i == 0 ? 0 : firstState + i - 1]);
        planner.Emit(new Step(node.Name, $"optimizer.{node.Op.Name}", inputs, outputs, context =>
        {
            foreach (var (output, input) in pairs)
                if (outputs[output].Address != input.Address) Buffer.MemoryCopy(input.Address, outputs[output].Address, input.Bytes, input.Bytes);
            update(context.Pool, outputs[0].Shape.Count, outputs[0].Floats, inputs[1].Floats,
                outputs.Length > 1 ? outputs[1].Floats : null, outputs.Length > 2 ? outputs[2].Floats : null, inputs);
        })
        {
            InPlace = pairs,
        });
        return true;
    }
}
