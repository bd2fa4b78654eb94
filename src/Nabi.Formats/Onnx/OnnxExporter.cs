using Nabi.Formats.OnnxProto;
using Nabi.Passes;

namespace Nabi.Formats;

/// <summary>Turns one graph into an ONNX model.</summary>
internal sealed class OnnxExporter
{
    private readonly Graph _graph;
    private readonly OnnxWriteOptions _options;
    private readonly ExternalWriter? _external;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<Value, string> _nameOf = [];
    private readonly GraphProto _proto;

    private OnnxExporter(Graph graph, OnnxWriteOptions options, ExternalWriter? external)
    {
        (_graph, _options, _external) = (graph, options, external);
        _proto = new GraphProto { Name = graph.Name };
    }

    /// <summary>The model of a graph.</summary>
    /// <exception cref="NabiException">Something cannot be said in ONNX.</exception>
    public static ModelProto Export(Graph graph, OnnxWriteOptions options, ExternalWriter? external = null)
    {
        if (graph.Updates.Count > 0)
            throw new NabiException($"Graph '{graph.Name}' is a training step, which ONNX cannot hold; write the inference graph, or a .nabi file.");
        return new OnnxExporter(options.Exchange ? graph.Through(Standardize.Pass) : graph, options, external).Run();
    }

    private ModelProto Run()
    {
        AssignNames();
        foreach (var input in _graph.Inputs) _proto.Input.Add(Info(input.Name, input.Type));
        var constants = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var p in _graph.Parameters) constants[_nameOf[p]] = p.Data!;
        var opset = OpsetDowngrades.Choose(_graph, _options);
        var context = new DowngradeContext(opset, _options.Exchange, constants, Fresh);
        foreach (var node in _graph.Nodes) Add(node, context);
        foreach (var output in _graph.Outputs) AddOutput(output);
        AddTensors(context);
        return Model(opset);
    }

    // An output is named by the graph; the value behind it takes that name when it can, otherwise Identity carries it over.
    private void AssignNames()
    {
        var outputs = _graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var value in _graph.Inputs.Concat(_graph.Parameters)) _names.Add(value.Name);
        foreach (var input in _graph.Inputs) _nameOf[input] = input.Name;
        foreach (var p in _graph.Parameters) _nameOf[p] = outputs.Contains(p.Name) ? Fresh($"{p.Name}_value") : p.Name;
        foreach (var output in _graph.Outputs)
            if (output.Value.Producer is not null && !_nameOf.ContainsKey(output.Value) && _names.Add(output.Name)) _nameOf[output.Value] = output.Name;
        foreach (var output in _graph.Outputs) _names.Add(output.Name);
        foreach (var value in _graph.Nodes.SelectMany(n => n.Outputs))
            if (!_nameOf.ContainsKey(value)) _nameOf[value] = Fresh(value.Name);
    }

    private string Fresh(string hint)
    {
        var name = hint;
        for (var i = 1; !_names.Add(name); i++) name = $"{hint}_{i}";
        return name;
    }

    private void Add(Node node, DowngradeContext context)
    {
        var proto = new NodeProto { Name = node.Name, OpType = node.Op.Name, Domain = node.Op.Domain };
        foreach (var input in node.Inputs) proto.Input.Add(input is null ? "" : _nameOf[input]);
        foreach (var output in node.Outputs) proto.Output.Add(_nameOf[output]);
        proto.Attribute.AddRange(OnnxAttributes.Write(node.Op));
        try
        {
            _proto.Node.AddRange(!_options.Exchange || node.Op.Domain != Op.NabiDomain ? OpsetDowngrades.Apply(proto, node, context)
                : node.Op is Ops.FakeQuantize ? FakeQuantizeExport.Nodes(node, proto, context)
                : throw new NabiException("only Nabi has it and standard ONNX operators cannot say it; write a .nabi file"));
        }
        catch (NabiException e)
        {
            throw new NabiException($"Node '{node.Name}' ({node.Op.Name}): {e.Message.TrimEnd('.')}.", e);
        }
    }

    private void AddOutput(GraphOutput output)
    {
        _proto.Output.Add(Info(output.Name, output.Value.Type));
        if (_nameOf[output.Value] == output.Name) return;
        var identity = new NodeProto { Name = output.Name, OpType = "Identity" };
        identity.Input.Add(_nameOf[output.Value]);
        identity.Output.Add(output.Name);
        _proto.Node.Add(identity);
    }

    // Constants that became attributes are read by nobody any more and are left out.
    private void AddTensors(DowngradeContext context)
    {
        var read = _proto.Node.SelectMany(n => n.Input).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, tensor) in context.Constants)
            if (read.Contains(name)) _proto.Initializer.Add(_external?.Write(tensor, name) ?? OnnxTensors.Write(tensor, name));
    }

    private ModelProto Model(int opset)
    {
        var model = new ModelProto
        {
            IrVersion = opset switch { < 19 => 8, < 21 => 9, _ => 10 },
            ProducerName = "nabi",
            ProducerVersion = typeof(OnnxExporter).Assembly.GetName().Version?.ToString(3) ?? "",
            Graph = _proto,
        };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        if (_proto.Node.Any(n => n.Domain == Op.NabiDomain)) model.OpsetImport.Add(new OperatorSetIdProto { Domain = Op.NabiDomain, Version = 1 });
        var held = _proto.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var exceptions = TrainableRule.Exceptions(_proto.Node, _graph.Parameters.Select(p => (_nameOf[p], p)).Where(p => held.Contains(p.Item1)));
        if (exceptions.Length > 0) model.MetadataProps.Add(new StringStringEntryProto { Key = TrainableRule.ExceptionsKey, Value = exceptions });
        foreach (var (key, value) in _graph.Metadata) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return model;
    }

    private static ValueInfoProto Info(string name, TensorType type)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = OnnxTensors.CodeOf(type.DType) };
        if (type.Shape.IsRanked)
        {
            tensor.Shape = new TensorShapeProto();
            for (var i = 0; i < type.Shape.Rank; i++)
            {
                tensor.Shape.Dim.Add(type.Shape[i] == Shape.Unknown
                    ? new TensorShapeProto.Types.Dimension { DimParam = i == 0 ? "N" : $"{name}_{i}" }
                    : new TensorShapeProto.Types.Dimension { DimValue = type.Shape[i] });
            }
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
