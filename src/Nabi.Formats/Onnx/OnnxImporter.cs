using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Turns one ONNX model into a graph.</summary>
internal sealed partial class OnnxImporter
{
    // Sets 23 and 24 add operators and element types and change no older operator.
    private const int Newest = 24;
    private const int MaxNodes = 200_000;
    private const int MaxDepth = 16;

    private readonly ModelProto _model;
    private readonly OnnxReadOptions _options;
    private readonly ExternalData? _external;
    private readonly GraphBuilder _builder;
    private readonly Dictionary<(string Domain, string Name), FunctionProto> _functions = [];
    private readonly Dictionary<string, Tensor> _folded = new(StringComparer.Ordinal);
    private readonly ShapeProbe? _probe;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private Dictionary<string, bool> _weights = new(StringComparer.Ordinal);
    private Dictionary<string, bool> _exceptions = new(StringComparer.Ordinal);
    private Dictionary<string, long> _opsets = new(StringComparer.Ordinal);
    private int _nodeCount;
    private int _depth;

    private OnnxImporter(ModelProto model, OnnxReadOptions options, ExternalData? external, ShapeProbe? probe)
    {
        (_model, _options, _external, _probe) = (model, options, external, probe);
        _builder = new GraphBuilder(model.Graph.Name.Length > 0 ? model.Graph.Name : "graph");
    }

    /// <summary>The graph of a model.</summary>
    /// <exception cref="NabiException">It is not a model Nabi can read.</exception>
    public static Graph Import(ModelProto model, OnnxReadOptions options, ExternalData? external)
    {
        if (model.Graph is null) throw new NabiException("it holds no graph; is it an ONNX model?");
        return new OnnxImporter(model, options, external, ShapeProbe.Of(model, options, external)).Run();
    }

    /// <summary>Reads a model only to see what its shape arithmetic gives with the input shapes of the options.</summary>
    public static ShapeProbe.Findings Probe(ModelProto model, OnnxReadOptions options, ExternalData? external)
    {
        var importer = new OnnxImporter(model, options, external, null);
        importer.Run();
        var builder = importer._builder;
        return new ShapeProbe.Findings(importer._folded, builder.Inputs.Concat(builder.Parameters).Concat(builder.Nodes.SelectMany(n => n.Outputs))
            .ToDictionary(v => v.Name, v => v.Shape, StringComparer.Ordinal));
    }

    private Graph Run()
    {
        _opsets = Opsets(_model.OpsetImport);
        foreach (var function in _model.Functions)
            if (!_functions.TryAdd((OnnxNames.Domain(function.Domain), function.Name), function))
                throw new NabiException($"function '{function.Name}' is defined twice");
        var graph = _model.Graph;
        Unsupported.Check(graph, _functions, (int)_opsets.GetValueOrDefault("", 0));
        var nodes = NodeOrder.Sort(graph.Node);
        ReserveNames(graph);
        _weights = TrainableRule.Weights(nodes);
        _builder.Metadata = Metadata();
        var scope = new ImportScope(null, "");
        DefineTensors(graph, scope, trainable: true);
        DefineInputs(graph, scope);
        foreach (var node in nodes) Import(node, scope);
        foreach (var output in graph.Output)
            _builder.Output(output.Name, scope.Find(output.Name) ?? throw new NabiException($"output '{output.Name}' is not made by any node"));
        var result = _builder.Build();
        return Verifier.FirstFault(result) is { } fault ? throw new NabiException(fault) : result;
    }

    private static Dictionary<string, long> Opsets(IEnumerable<OperatorSetIdProto> imports)
    {
        var opsets = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var import in imports) opsets[OnnxNames.Domain(import.Domain)] = import.Version;
        var opset = opsets.TryAdd("", 1) ? 1 : opsets[""];
        return opset is >= 1 and <= Newest ? opsets : throw new NabiException($"it uses operator set {opset}; Nabi reads 1 to {Newest}, export it with one of those");
    }

    private void ReserveNames(GraphProto graph)
    {
        foreach (var node in graph.Node) _names.UnionWith(node.Output);
        foreach (var tensor in graph.Initializer) _names.Add(tensor.Name);
        foreach (var input in graph.Input) _names.Add(input.Name);
    }

    // Initializers may also be listed among the inputs (they must be, before IR version 4): the tensor wins.
    private void DefineInputs(GraphProto graph, ImportScope scope)
    {
        var declared = new HashSet<string>(StringComparer.Ordinal);
        foreach (var input in graph.Input)
        {
            if (!declared.Add(input.Name)) throw new NabiException($"two inputs are named '{input.Name}'");
            if (scope.Defines(input.Name)) continue;
            if (_options.Bindings.TryGetValue(input.Name, out var bound))
            {
                scope.Define(input.Name, _builder.Constant(bound, input.Name));
                continue;
            }
            var (dtype, shape) = TypeOf(input);
            shape = _options.InputShapes.GetValueOrDefault(input.Name, shape);
            scope.Define(input.Name, _builder.Input(input.Name, dtype, shape));
        }
    }

    private void DefineTensors(GraphProto graph, ImportScope scope, bool trainable)
    {
        foreach (var tensor in graph.Initializer)
            scope.DefineLazily(tensor.Name, () => Parameter(tensor.Name, OnnxTensors.Read(tensor, _external), scope, trainable));
        foreach (var tensor in graph.SparseInitializer)
            scope.DefineLazily(tensor.Values?.Name ?? "", () => Parameter(tensor.Values?.Name ?? "", OnnxTensors.Read(tensor), scope, trainable));
    }

    private Value Parameter(string name, Tensor data, ImportScope scope, bool trainable)
    {
        if (!_exceptions.TryGetValue(name, out var isWeight)) isWeight = TrainableRule.IsWeight(_weights, name, data);
        return _builder.Parameter(scope.Prefix + name, data, trainable && data.DType.IsFloat() && isWeight);
    }

    private static TensorType TypeOf(ValueInfoProto info)
    {
        if (info.Type?.TensorType is not { } tensor)
            throw new NabiException($"input '{info.Name}' is not a tensor; sequences, maps and optional values are not supported");
        try
        {
            return new TensorType(OnnxTensors.DTypeOf(tensor.ElemType), ShapeOf(tensor.Shape));
        }
        catch (NabiException e)
        {
            throw new NabiException($"input '{info.Name}': {e.Message}", e);
        }
    }

    /// <summary>A declared shape; named and missing dimensions are unknown.</summary>
    public static Shape ShapeOf(TensorShapeProto? shape) => shape is null ? Shape.Unranked : Shape.From([.. shape.Dim.Select(d =>
        d.ValueCase != TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? Shape.Unknown
        : d.DimValue >= 0 ? d.DimValue
        : Shape.Unknown)]);

    private Dictionary<string, string> Metadata()
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in _model.MetadataProps) metadata[entry.Key] = entry.Value;
        if (metadata.Remove(TrainableRule.ExceptionsKey, out var exceptions)) _exceptions = TrainableRule.ReadExceptions(exceptions);
        return metadata;
    }

    private void Import(NodeProto node, ImportScope scope)
    {
        if (++_nodeCount > MaxNodes) throw new NabiException($"the graph has more than {MaxNodes} nodes after inlining");
        CheckedApply.Run(NodeOrder.Label(node), node.OpType, () => ImportOne(node, scope));
    }

    private void ImportOne(NodeProto node, ImportScope scope)
    {
        var domain = OnnxNames.Domain(node.Domain);
        if (_functions.TryGetValue((domain, node.OpType), out var function))
            InlineFunction(node, function, scope);
        else if (domain.Length > 0)
            Apply(node, domain, scope);
        else
            foreach (var upgraded in OpsetUpgrades.Apply(node, new UpgradeContext((int)_opsets[""], scope, _builder, Fresh)))
                ImportStandard(upgraded, scope);
    }

    private void ImportStandard(NodeProto node, ImportScope scope)
    {
        switch (node.OpType)
        {
            case "Constant": Define(node, 0, Parameter(node.Output[0], ConstantOf(node), scope, trainable: true), scope); break;
            case "If": InlineIf(node, scope); break;
            case "Loop": InlineLoop(node, scope); break;
            case var op when SequenceOperators.Contains(op): ImportSequence(node, scope); break;
            default: Apply(node, "", scope); break;
        }
    }

    private void Apply(NodeProto node, string domain, ImportScope scope)
    {
        var schema = OpCatalog.Find(domain, node.OpType) ?? throw new NabiException("this operator is not supported");
        var op = OnnxAttributes.Read(schema, node);
        var inputs = new Value?[node.Input.Count];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = node.Input[i].Length == 0 ? null : Require(node.Input[i], scope);
        _probe?.Resolve(schema.Name, inputs, _builder);
        var count = node.Output.Count;
        while (count > 1 && node.Output[count - 1].Length == 0) count--;
        if (count == 0) return;
        var names = new string[count];
        for (var i = 0; i < count; i++) names[i] = node.Output[i].Length > 0 ? scope.Prefix + node.Output[i] : Fresh(NodeOrder.Label(node));
        var outputs = _builder.ApplyNamed(op, scope.Prefix + NodeOrder.Label(node), count, inputs, names);
        var folded = ShapeFolding.TryFold(_builder.Nodes[^1]);
        for (var i = 0; i < count; i++)
        {
            if (folded is not null) _folded[outputs[i].Name] = folded[i];
            if (node.Output[i].Length > 0) Define(node, i, folded is null ? outputs[i] : _builder.Constant(folded[i], names[i]), scope);
        }
    }

    private static void Define(NodeProto node, int output, Value value, ImportScope scope) => scope.Define(node.Output[output], value);

    private static Value Require(string name, ImportScope scope) =>
        scope.Find(name) ?? throw new NabiException($"it reads '{name}', which nothing makes");

    private string Fresh(string hint)
    {
        var name = hint;
        for (var i = 1; !_names.Add(name); i++) name = $"{hint}_{i}";
        return name;
    }

    private static Tensor ConstantOf(NodeProto node)
    {
        if (node.Attribute.Count != 1) throw new NabiException("a constant needs exactly one value");
        var proto = node.Attribute[0];
        if (proto.SparseTensor is not null) return OnnxTensors.Read(proto.SparseTensor);
        return OnnxAttributes.Plain(proto) switch
        {
            Tensor tensor => tensor,
            long number => Tensor.Scalar(number),
            double number => Tensor.Scalar((float)number),
            long[] numbers => Tensor.Vector(numbers),
            double[] numbers => Tensor.Vector(Array.ConvertAll(numbers, n => (float)n)),
            _ => throw new NabiException("constants of strings are not supported"),
        };
    }
}
