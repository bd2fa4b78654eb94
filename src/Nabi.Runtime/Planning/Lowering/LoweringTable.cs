namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// Emits the steps of one node (the first) and of the nodes fused into it (the others, in order); false, before anything is emitted,
/// when there is no kernel for them as they stand.
/// </summary>
internal delegate bool Lowering(IReadOnlyList<Node> group, Planner planner);

/// <summary>From operator to kernel: the one place that is asked. What is not here runs its reference evaluation.</summary>
internal static class LoweringTable
{
    private static readonly Dictionary<Type, Lowering> Table = Build();

    public static bool TryLower(IReadOnlyList<Node> group, Planner planner)
    {
        if (group.All(ElementRules.Knows) && ElementwiseLowering.Lower(group, planner)) return true;
        return Table.TryGetValue(group[0].Op.GetType(), out var lower) && lower(group, planner);
    }

    private static Dictionary<Type, Lowering> Build()
    {
        var table = new Dictionary<Type, Lowering>();
        AdderLowering.AddTo(table);
        BatchNormLowering.AddTo(table);
        CastLowering.AddTo(table);
        CodebookLowering.AddTo(table);
        ConvLowering.AddTo(table);
        DropoutLowering.AddTo(table);
        FakeQuantizeLowering.AddTo(table);
        GatherLowering.AddTo(table);
        LayerNormLowering.AddTo(table);
        LossLowering.AddTo(table);
        MoveLowering.AddTo(table);
        ChoiceLowering.AddTo(table);
        OptimizerLowering.AddTo(table);
        PoolLowering.AddTo(table);
        MatrixLowering.AddTo(table);
        QuantizedLowering.AddTo(table);
        ShapeLowering.AddTo(table);
        RecurrentLowering.AddTo(table);
        ReductionLowering.AddTo(table);
        ResizeLowering.AddTo(table);
        RunningSumLowering.AddTo(table);
        SelectionLowering.AddTo(table);
        return table;
    }
}
