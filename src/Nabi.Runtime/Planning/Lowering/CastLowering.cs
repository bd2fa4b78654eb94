using Nabi.Ops;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Whole numbers to floats; other conversions are elementwise programs or the reference.</summary>
internal static unsafe class CastLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(Cast)] = (g, p) => Lower(g[0], p);

    private static bool Lower(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (output.DType != DType.Float32 || input.DType is not (DType.Int64 or DType.Int32)) return false;
        var (x, y) = (planner.Read(input), planner.Define(output));
        var count = input.Shape.Count;
        planner.Emit(new Step(node.Name, "cast.float", [x], [y], input.DType == DType.Int64 ? _ => Convert((long*)x.Address, y.Floats, count) : _ => Convert((int*)x.Address, y.Floats, count)));
        return true;
    }

    private static void Convert(long* from, float* to, int count)
    {
        for (var i = 0; i < count; i++) to[i] = from[i];
    }

    private static void Convert(int* from, float* to, int count)
    {
        for (var i = 0; i < count; i++) to[i] = from[i];
    }
}
