using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime.Planning;

/// <summary>
/// Turns a graph whose shapes are all known into a plan: fuses, chooses layouts and kernels, emits steps. The lowerings see it as the
/// context they read values from, define values in and emit steps to.
/// </summary>
internal sealed class Planner
{
    private readonly PinnedTensors _pins;
    private readonly Dictionary<Value, Slot?[]> _forms = [];
    private readonly Dictionary<(Value Value, string Form), Slot> _derived = [];
    private readonly Dictionary<Value, Node> _lazy = [];
    private readonly Dictionary<Value, Slot> _parts = [];
    private readonly Dictionary<Value, Slot> _wholes = [];
    private readonly Concatenations _concatenations;
    private readonly List<Step> _prepare = [];
    private readonly List<Step> _steps = [];

    private Planner(Graph graph, SessionOptions options, PinnedTensors pins, KernelChooser? chooser)
    {
        (Graph, Options, _pins) = (graph, options, pins);
        var choices = options.Choices.Of(options.Threads);
        Chooser = chooser ?? ((shape, candidates) => choices.GetValueOrDefault(shape) ?? candidates[0].Kind);
        Fusion = options.Reference ? Fusion.None : Fusion.Of(graph);
        Wishes = LayoutWishes.Of(graph);
        _concatenations = options.Reference ? Concatenations.None : Concatenations.Of(graph, Fusion, Wishes);
    }

    public Graph Graph { get; }

    public SessionOptions Options { get; }

    /// <summary>Which nodes are done together.</summary>
    public Fusion Fusion { get; }

    /// <summary>Values that should lie channels-last where the choice is free.</summary>
    public HashSet<Value> Wishes { get; }

    /// <summary>Takes one of several kernels.</summary>
    public KernelChooser Chooser { get; }

    /// <summary>Plans a graph.</summary>
    /// <param name="graph">The graph, its shapes known.</param>
    /// <param name="options">The session's options.</param>
    /// <param name="pins">Holds constants where they are.</param>
    /// <param name="chooser">Takes one of several kernels; the options' choices when null.</param>
    public static Plan Make(Graph graph, SessionOptions options, PinnedTensors pins, KernelChooser? chooser = null)
    {
        var planner = new Planner(graph, options, pins, chooser);
        planner.DefineSources();
        foreach (var node in graph.Nodes) planner.Lower(node);
        return planner.Finish();
    }

    /// <summary>The value in the asked layout; a conversion is emitted once if it lies in the other.</summary>
    public Slot Read(Value value, Layout layout = Layout.RowMajor)
    {
        var forms = Forms(value);
        if (forms[(int)layout] is { } ready) return ready;
        var other = forms[1 - (int)layout]!;
        Slot slot;
        if (Layouts.AreSame(value.Shape))
        {
            slot = other.View(value.Name, value.Type, layout);
        }
        else
        {
            slot = new Slot(value.Name, value.Type, layout, SlotHome.Arena);
            Emit(LayoutLowering.Convert(value.Name, other, slot));
        }
        return forms[(int)layout] = slot;
    }

    /// <summary>The value in whatever layout it lies.</summary>
    public Slot ReadAny(Value value)
    {
        var forms = Forms(value);
        return forms[(int)Layout.ChannelsLast] ?? forms[(int)Layout.RowMajor]!;
    }

    /// <summary>The value channels-last, possibly as part of a wider image: for kernels that take a <see cref="Slot.PixelStride"/>.</summary>
    public Slot ReadPart(Value value) => _parts.GetValueOrDefault(value) ?? Read(value, Layout.ChannelsLast);

    /// <summary>Does it lie channels-last only, so that reading it row-major costs a conversion?</summary>
    public bool IsChannelsLast(Value value) =>
        IsOnlyPart(value) || Forms(value) is var forms && forms[(int)Layout.RowMajor] is null && !Layouts.AreSame(value.Shape);

    /// <summary>Is there a channels-last form already?</summary>
    public bool HasChannelsLast(Value value) => IsOnlyPart(value) || Forms(value)[(int)Layout.ChannelsLast] is not null;

    /// <summary>Makes the slot a step will write the value to.</summary>
    public Slot Define(Value value, Layout layout = Layout.RowMajor)
    {
        var slot = new Slot(value.Name, value.Type, layout, SlotHome.Arena);
        Bind(value, slot);
        return slot;
    }

    /// <summary>
    /// Makes the slot a step will write a channels-last image to: its place in a concatenation, if it has one, so that nothing is left to copy. The
    /// kernel must take a <see cref="Slot.PixelStride"/>.
    /// </summary>
    public Slot DefinePart(Value value)
    {
        if (_concatenations.PlaceOf(value) is not { } place) return Define(value, Layout.ChannelsLast);
        if (!_wholes.TryGetValue(place.Whole, out var whole))
            _wholes[place.Whole] = whole = new Slot(place.Whole.Name, place.Whole.Type, Layout.ChannelsLast, SlotHome.Arena);
        return _parts[value] = whole.Part(value.Name, value.Type, place.Channel);
    }

    /// <summary>Says that the value is some of the channels of a channels-last image: no step needed.</summary>
    public void AliasPart(Value value, Slot of, int channel) => _parts[value] = of.Part(value.Name, value.Type, channel);

    /// <summary>The channels-last slot of a concatenation into which some of its parts were written already, from now on its value; null if there is none.</summary>
    public Slot? DefineWhole(Value value)
    {
        if (_wholes.TryGetValue(value, out var whole)) Bind(value, whole);
        return whole;
    }

    /// <summary>Was it written to its place in this concatenation?</summary>
    public bool IsWrittenTo(Value value, Slot whole) => _parts.TryGetValue(value, out var part) && part.Base == whole;

    /// <summary>Says that the value is the content of a slot under the value's own type: no step needed.</summary>
    public void Alias(Value value, Slot of, Layout layout = Layout.RowMajor) => Bind(value, of.View(value.Name, value.Type, layout));

    /// <summary>Memory for one step.</summary>
    public static Slot Scratch(string name, DType dtype, long count) =>
        new($"{name}.scratch", dtype, Shape.Create([checked((int)count)]), Layout.RowMajor, SlotHome.Arena, dtype.Bytes(count));

    /// <summary>A form of a value that several steps may read (packed weights, a transposed matrix): made on first use.</summary>
    /// <param name="value">The value.</param>
    /// <param name="form">Names the form; equal names must mean equal content.</param>
    /// <param name="make">Emits the step that makes it.</param>
    public Slot Derive(Value value, string form, Func<Slot> make)
    {
        if (!_derived.TryGetValue((value, form), out var slot)) _derived[(value, form)] = slot = make();
        return slot;
    }

    /// <summary>Adds a step. What depends on constants only runs once, when the session is made.</summary>
    public void Emit(Step step)
    {
        var once = step.IsDeterministic && step.Inputs.All(i => i.IsConstant);
        (once ? _prepare : _steps).Add(step);
        if (!once) return;
        foreach (var slot in step.Outputs) slot.Root.Home = SlotHome.Constant;
        foreach (var slot in step.Scratch) slot.Root.Home = SlotHome.Constant;
    }

    /// <summary>A tensor that the plan itself needs.</summary>
    public unsafe Slot Constant(string name, Tensor tensor)
    {
        var slot = new Slot(name, tensor.Type, Layout.RowMajor, SlotHome.Constant);
        slot.Place((byte*)_pins.AddressOf(tensor));
        return slot;
    }

    private Slot?[] Forms(Value value)
    {
        if (_lazy.Remove(value, out var node)) Lower([node]);
        if (IsOnlyPart(value))
        {
            var part = _parts[value];
            var copy = new PartCopy(value.Shape, part.Layout, new Place(part), new Place(Define(value, part.Layout)));
            Emit(new Step(value.Name, "copy.Slice", [part], [_forms[value][(int)part.Layout]!], copy.Run));
        }
        return _forms[value];
    }

    private bool IsOnlyPart(Value value) => _parts.ContainsKey(value) && !_forms.ContainsKey(value);

    private void Bind(Value value, Slot slot)
    {
        var forms = new Slot?[2];
        forms[(int)slot.Layout] = slot;
        _forms[value] = forms;
    }

    private void DefineSources()
    {
        foreach (var input in Graph.Inputs) Bind(input, new Slot(input.Name, input.Type, Layout.RowMajor, SlotHome.Input));
        foreach (var p in Graph.Parameters)
        {
            var slot = new Slot(p.Name, p.Type, Layout.RowMajor, p.IsUpdated ? SlotHome.Parameter : SlotHome.Constant);
            unsafe
            {
                slot.Place((byte*)_pins.AddressOf(p.Data!));
            }
            Bind(p, slot);
        }
    }

    private void Lower(Node node)
    {
        if (Fusion.GroupOf(node) is not { } group) return;
        if (node.Op.IsDecoding || (!Options.Reference && (BatchedProductLowering.ReadsBehind(node) || BitProduct.ReadsBehind(node))))
        {
            _lazy[node.Output] = node;   // kernels read what lies behind it: it is done only if something reads its own result
            return;
        }
        if (Fusion.QuantizedOf(node) is not { } match) Lower(group);
        else if (!QuantizedLowering.Lower(match, this))
            foreach (var member in group) Lower([member]);
    }

    private void Lower(IReadOnlyList<Node> group)
    {
        if (!Options.Reference && LoweringTable.TryLower(group, this)) return;
        foreach (var member in group)
            if (Options.Reference || group.Count == 1 || !LoweringTable.TryLower([member], this)) ReferenceLowering.Lower(member, this);
    }

    private Plan Finish()
    {
        var outputs = Graph.Outputs.Select(o => Read(o.Value)).ToArray();
        var updates = new List<(Slot From, Slot To)>();
        foreach (var update in Graph.Updates)
        {
            var (from, to) = (Read(update.Value), Read(update.Parameter));
            if (from.Root == to.Root) continue;
            if (from.Root.Home != SlotHome.Arena)   // the value of another parameter: take it before that one changes
            {
                var copy = new Slot(update.Value.Name, update.Value.Type, Layout.RowMajor, SlotHome.Arena);
                Emit(LayoutLowering.Copy(update.Value.Name, from, copy, isDeterministic: false));
                from = copy;
            }
            updates.Add((from, to));
        }
        return new Plan(Graph, _prepare, _steps, [.. Graph.Inputs.Select(i => _forms[i][(int)Layout.RowMajor]!)], outputs, updates);
    }
}
