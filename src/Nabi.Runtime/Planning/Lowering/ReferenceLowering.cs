namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Any operator, by its reference evaluation on row-major tensors.</summary>
internal static unsafe class ReferenceLowering
{
    public static void Lower(Node node, Planner planner)
    {
        var inputs = node.Inputs.Select(v => v is null ? null : planner.Read(v)).ToArray();
        var outputs = node.Outputs.Select(v => planner.Define(v)).ToArray();
        planner.Emit(new Step(node.Name, $"reference.{node.Op.Name}", [.. inputs.OfType<Slot>()], outputs, context => Run(node, inputs, outputs, context))
        {
            IsDeterministic = node.Op.IsDeterministic,
            IsReference = true,
            Macs = node.Cost.Macs,
        });
    }

    private static void Run(Node node, Slot?[] inputs, Slot[] outputs, RunContext context)
    {
        var tensors = new Tensor?[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
            if (inputs[i] is { } slot)
                tensors[i] = Tensor.Over(slot.DType, slot.Shape, new NativeView(slot.Address, checked((int)slot.Bytes)).Memory);
        var results = ReferenceEvaluator.Evaluate(node, tensors, context.Rng);
        for (var i = 0; i < outputs.Length; i++)
        {
            var (result, slot) = (results[i], outputs[i]);
            if (result.DType != slot.DType || !result.Shape.Equals(slot.Shape))
                throw new NabiException($"Node '{node.Name}' ({node.Op.Name}) made {result.Type} where {slot.DType}{slot.Shape} was inferred.");
            result.Bytes.CopyTo(new Span<byte>(slot.Address, checked((int)slot.Bytes)));
        }
    }
}
