using Nabi.Ops;

namespace Nabi.Runtime.Planning;

/// <summary>Asks Relu(x) &gt; 0 instead of x &gt; 0 where Relu(x) is there anyway: the same truth, and x need not be kept for the backward pass.</summary>
internal static class ReluQuestions
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("ask the result of Relu", graph =>
    {
        var relus = new Dictionary<Value, Value>();
        return graph.Rewrite((node, r) =>
        {
            if (node.Op is Relu) relus[node.Inputs[0]!] = node.Output;
            return node.Op is Greater && IsZero(node.Inputs[1]!) && relus.TryGetValue(node.Inputs[0]!, out var relu)
                ? r.Builder.ApplyNamed(node.Op, node.Name, 1, [r[relu], r[node.Inputs[1]!]], [node.Output.Name])
                : null;
        });
    });

    private static bool IsZero(Value value) => value.Constant is { Count: 1 } number && number.Item() == 0;
}
