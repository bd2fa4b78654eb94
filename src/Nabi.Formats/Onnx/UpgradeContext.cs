using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>What an opset adapter may ask and add.</summary>
internal sealed class UpgradeContext(int opset, ImportScope scope, GraphBuilder builder, Func<string, string> fresh)
{
    /// <summary>The operator set the model was written for.</summary>
    public int Opset => opset;

    /// <summary>The value a node reads.</summary>
    /// <exception cref="NabiException">It is absent.</exception>
    public Value Input(NodeProto node, int index) => index < node.Input.Count && node.Input[index].Length > 0
        ? scope.Find(node.Input[index]) ?? throw new NabiException($"it reads '{node.Input[index]}', which nothing makes")
        : throw new NabiException($"input {index} is missing");

    /// <summary>Adds a constant and gives its name.</summary>
    public string Constant(Tensor data)
    {
        var name = fresh("const");
        scope.Define(name, builder.Constant(data, scope.Prefix + name));
        return name;
    }

    /// <summary>Adds a constant list of integers and gives its name.</summary>
    public string Integers(params ReadOnlySpan<long> numbers) => Constant(Tensor.Vector(numbers));

    /// <summary>A name nothing has.</summary>
    public string Fresh(NodeProto node) => fresh(NodeOrder.Label(node));
}
