using System.Globalization;
using System.Text;
using Nabi.Runtime.Emit;
using Nabi.Runtime.Planning;

namespace Nabi.Runtime;

/// <summary>
/// What a session runs for one set of input shapes: kernel calls in order, the layouts of the values between them, and where each
/// lies in one arena.
/// </summary>
public sealed class Plan
{
    private readonly IReadOnlyList<Step> _prepare;
    private readonly IReadOnlyList<Step> _steps;
    private readonly Slot[] _inputs;
    private readonly Slot[] _outputs;
    private readonly (Slot From, Slot To)[] _updates;
    private readonly List<Slot> _arenaSlots;
    private readonly List<Slot> _constantSlots;
    private NativeBlock? _constants;
    private bool _isBorrowing;
    private NativeBlock? _placedIn;

    internal Plan(Graph graph, IReadOnlyList<Step> prepare, IReadOnlyList<Step> steps, Slot[] inputs, Slot[] outputs, IReadOnlyList<(Slot From, Slot To)> updates)
    {
        (Graph, _prepare, _steps, _inputs, _outputs) = (graph, prepare, steps, inputs, outputs);
        Liveness.Mark(steps, [.. outputs, .. updates.Select(u => u.From)]);
        _updates = [.. Liveness.ShareParameters(graph, steps, outputs, updates)];
        Liveness.ShareInPlace(steps);
        _arenaSlots = Liveness.Roots(steps, SlotHome.Arena);
        PeakLiveBytes = ArenaPacking.PeakLiveBytes(_arenaSlots, steps.Count);
        ArenaBytes = ArenaPacking.Pack(_arenaSlots, PeakLiveBytes);
        _constantSlots = Liveness.Roots(prepare, SlotHome.Constant, outputsOnly: true);
        foreach (var slot in _constantSlots)
        {
            slot.Offset = ConstantBytes;
            ConstantBytes += NativeBlock.Align(slot.Bytes);
        }
        Steps = [.. steps.Select(Describe)];
    }

    /// <summary>The graph with its shapes known, as planned.</summary>
    public Graph Graph { get; }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>Bytes of the block in which all values between the steps lie.</summary>
    public long ArenaBytes { get; }

    /// <summary>The most bytes of values alive at one step: the least any arena could have.</summary>
    public long PeakLiveBytes { get; }

    /// <summary>Bytes of packed weights and of whatever else is computed once from constants.</summary>
    public long ConstantBytes { get; }

    /// <summary>Operators that run their reference evaluation because no kernel takes them, each once.</summary>
    public IReadOnlyList<string> ReferenceKernels => [.. Steps.Where(s => s.IsReference).Select(s => s.Kernel).Distinct(StringComparer.Ordinal)];

    /// <summary>Why kernels that this processor could run are off although nobody switched them off, in one line; null where all is well.</summary>
    public string? KernelFault { get; } = ByteTiles.Fault;

    /// <summary>One line per step: number, kernel, node, shapes, bytes and arena offset of the result.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"plan of {Graph.Name}: {Steps.Count} steps, arena {ArenaBytes} bytes (peak live {PeakLiveBytes}), constants {ConstantBytes} bytes");
        if (KernelFault is not null) text.AppendLine(KernelFault);
        for (var i = 0; i < Steps.Count; i++) text.AppendLine(CultureInfo.InvariantCulture, $"{i,4}  {Steps[i]}");
        return text.ToString();
    }

    internal int StepCount => _steps.Count;

    internal ReadOnlySpan<Slot> Inputs => _inputs;

    internal ReadOnlySpan<Slot> Outputs => _outputs;

    internal IReadOnlyList<Slot> ArenaSlots => _arenaSlots;

    /// <summary>Computes everything that depends on constants only.</summary>
    internal void Prepare(RunContext context)
    {
        if (_constants is null) PlaceConstants(new NativeBlock(ConstantBytes));
        foreach (var step in _prepare) step.Run(context);
    }

    /// <summary>Uses what another plan has computed from the same constants, until this one is released; false if the two differ.</summary>
    internal bool TryBorrow(Plan other)
    {
        if (other._constants is not { } block || !_constantSlots.Select(Identity).SequenceEqual(other._constantSlots.Select(Identity))) return false;
        if (!_prepare.Concat(_steps).Select(s => s.Kernel).SequenceEqual(other._prepare.Concat(other._steps).Select(s => s.Kernel), StringComparer.Ordinal)) return false;
        block.DangerousAddRef(ref _isBorrowing);
        PlaceConstants(block);
        return true;

        static (string, long, long) Identity(Slot slot) => (slot.Name, slot.Offset, slot.Bytes);
    }

    /// <summary>Gives the slots their addresses in a block of at least <see cref="ArenaBytes"/>.</summary>
    internal unsafe void PlaceIn(NativeBlock arena)
    {
        if (_placedIn == arena) return;
        foreach (var slot in _arenaSlots) slot.Place(arena.Start + slot.Offset);
        _placedIn = arena;
    }

    internal void RunStep(int index, RunContext context) => _steps[index].Run(context);

    /// <summary>Writes the new values of the updated parameters that no step wrote in place.</summary>
    internal unsafe void ApplyUpdates()
    {
        foreach (var (from, to) in _updates)
            Buffer.MemoryCopy(from.Address, to.Address, to.Bytes, from.Bytes);
    }

    internal void Release()
    {
        if (_isBorrowing) _constants!.DangerousRelease();
        else _constants?.Dispose();
        _isBorrowing = false;
        _constants = null;
    }

    private unsafe void PlaceConstants(NativeBlock block)
    {
        _constants = block;
        foreach (var slot in _constantSlots) slot.Place(block.Start + slot.Offset);
    }

    private static PlanStep Describe(Step step) => new(step.Name, step.Kernel)
    {
        Inputs = [.. step.Inputs.Select(s => s.ToString())],
        Outputs = [.. step.Outputs.Select(s => s.ToString())],
        OutputBytes = step.Outputs.Sum(s => s.Bytes),
        ScratchBytes = step.Scratch.Sum(s => s.Bytes),
        BytesMoved = step.Inputs.Sum(s => s.Bytes) + step.Outputs.Sum(s => s.Bytes),
        ArenaOffset = step.Outputs is [var first, ..] && first.Root.Home == SlotHome.Arena ? first.Root.Offset : -1,
        Macs = step.Macs,
        IsInteger = step.Inputs is [{ DType: DType.Int8 or DType.UInt8 }, ..],
        IsReference = step.IsReference,
    };
}
