using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

// Bodies that become part of the graph: functions of the model, branches whose condition is known, loops whose count is known.
internal sealed partial class OnnxImporter
{
    private const int MaxIterations = 1024;

    private void InlineFunction(NodeProto node, FunctionProto function, ImportScope scope)
    {
        using var _ = Enter();
        var inner = new ImportScope(null, $"{scope.Prefix}{NodeOrder.Label(node)}/");
        for (var i = 0; i < function.Input.Count && i < node.Input.Count; i++)
            if (node.Input[i].Length > 0) inner.Define(function.Input[i], Require(node.Input[i], scope));
        var given = new Dictionary<string, AttributeProto>(StringComparer.Ordinal);
        foreach (var attribute in function.AttributeProto) given[attribute.Name] = attribute;
        foreach (var attribute in node.Attribute) given[attribute.Name] = attribute;
        var outside = _opsets;
        if (function.OpsetImport.Count > 0) _opsets = Opsets(function.OpsetImport);
        foreach (var inside in NodeOrder.Sort(function.Node)) Import(Bound(inside, given, function, inner), inner);
        _opsets = outside;
        for (var i = 0; i < node.Output.Count && i < function.Output.Count; i++)
            if (node.Output[i].Length > 0) Define(node, i, Require(function.Output[i], inner), scope);
    }

    // References to the function's attributes are replaced by the caller's; what the caller leaves out is left out.
    private static NodeProto Bound(NodeProto node, Dictionary<string, AttributeProto> given, FunctionProto function, ImportScope inner)
    {
        var copy = node.Clone();
        copy.Attribute.Clear();
        foreach (var attribute in node.Attribute)
        {
            if (attribute.RefAttrName.Length == 0)
            {
                copy.Attribute.Add(attribute);
            }
            else if (given.TryGetValue(attribute.RefAttrName, out var value))
            {
                var renamed = value.Clone();
                renamed.Name = attribute.Name;
                copy.Attribute.Add(renamed);
            }
        }
        for (var i = 0; i < copy.Input.Count; i++)
            if (function.Input.Contains(copy.Input[i]) && !inner.Defines(copy.Input[i])) copy.Input[i] = "";
        return copy;
    }

    private void InlineIf(NodeProto node, ImportScope scope)
    {
        var condition = Require(node.Input[0], scope).Constant
            ?? throw new NabiException("its condition depends on the inputs; only branches that are decided while reading are supported");
        var branch = Body(node, condition.Item() != 0 ? "then_branch" : "else_branch");
        var outputs = InlineBody(branch, new ImportScope(scope, $"{scope.Prefix}{NodeOrder.Label(node)}/"));
        for (var i = 0; i < node.Output.Count && i < outputs.Count; i++)
            if (node.Output[i].Length > 0) Define(node, i, outputs[i], scope);
    }

    // Carried values thread through the copies of the body; what each iteration gives for a scan output is stacked on a new axis.
    private void InlineLoop(NodeProto node, ImportScope scope)
    {
        var body = Body(node, "body");
        var limit = node.Input.Count > 0 && node.Input[0].Length > 0 ? Known(node.Input[0]).ToInt64()[0] : long.MaxValue;
        var running = node.Input.Count < 2 || node.Input[1].Length == 0 || Known(node.Input[1]).Item() != 0;
        var carried = node.Input.Skip(2).Select(name => Require(name, scope)).ToArray();
        var scans = new List<Value>[Math.Max(0, body.Output.Count - 1 - carried.Length)];
        for (var i = 0; i < scans.Length; i++) scans[i] = [];
        for (long iteration = 0; running && iteration < limit; iteration++)
        {
            if (iteration >= MaxIterations) throw new NabiException($"it runs more than {MaxIterations} times");
            var inner = new ImportScope(scope, $"{scope.Prefix}{NodeOrder.Label(node)}/{iteration}/");
            if (body.Input.Count != carried.Length + 2) throw new NabiException($"its body has {body.Input.Count} inputs, not {carried.Length + 2}");
            inner.Define(body.Input[0].Name, _builder.Constant(Tensor.Scalar(iteration), "iteration"));
            inner.Define(body.Input[1].Name, _builder.Constant(Tensor.Scalar(true), "condition"));
            for (var i = 0; i < carried.Length; i++) inner.Define(body.Input[i + 2].Name, carried[i]);
            var outputs = InlineBody(body, inner);
            running = Decided(outputs[0]).Item() != 0;
            for (var i = 0; i < carried.Length; i++) carried[i] = outputs[i + 1];
            for (var i = 0; i < scans.Length; i++) scans[i].Add(outputs[i + 1 + carried.Length]);
        }
        for (var i = 0; i < node.Output.Count; i++)
        {
            if (node.Output[i].Length == 0) continue;
            Define(node, i, i < carried.Length ? carried[i] : Scanned(scans[i - carried.Length]), scope);
        }

        Tensor Known(string name) => Decided(Require(name, scope));

        static Tensor Decided(Value value) => value.Constant
            ?? throw new NabiException("how often it runs depends on the inputs; only loops that are decided while reading are supported");
    }

    private Value Scanned(List<Value> slices) =>
        slices.Count > 0 ? Stacked(slices, 0) : throw new NabiException("a loop that never runs gives no scan output");

    private IReadOnlyList<Value> InlineBody(GraphProto body, ImportScope inner)
    {
        using var _ = Enter();
        DefineTensors(body, inner, trainable: false);
        foreach (var inside in NodeOrder.Sort(body.Node)) Import(inside, inner);
        return [.. body.Output.Select(o => Require(o.Name, inner))];
    }

    private static GraphProto Body(NodeProto node, string name)
    {
        foreach (var attribute in node.Attribute)
            if (attribute.Name == name && attribute.G is not null) return attribute.G;
        throw new NabiException($"attribute '{name}' is missing");
    }

    private Depth Enter() => ++_depth <= MaxDepth ? new Depth(this) : throw new NabiException($"functions and branches are nested more than {MaxDepth} deep");

    private readonly struct Depth(OnnxImporter importer) : IDisposable
    {
        public void Dispose() => importer._depth--;
    }
}
