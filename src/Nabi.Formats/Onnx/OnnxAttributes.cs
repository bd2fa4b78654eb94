using Google.Protobuf;
using Nabi.Formats.OnnxProto;
using AttributeType = Nabi.Formats.OnnxProto.AttributeProto.Types.AttributeType;

namespace Nabi.Formats;

/// <summary>Attributes of ONNX nodes to and from the plain values of <see cref="OpAttribute"/>.</summary>
internal static class OnnxAttributes
{
    /// <summary>The operator a node describes.</summary>
    /// <exception cref="NabiException">An attribute is missing, unknown or does not fit.</exception>
    public static Op Read(OpSchema schema, NodeProto node)
    {
        var plain = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var proto in node.Attribute)
        {
            var attribute = schema.Attribute(proto.Name)
                ?? throw new NabiException($"attribute '{proto.Name}' is not supported");
            var value = Plain(proto);
            if ((Nullable.GetUnderlyingType(attribute.Property.PropertyType) ?? attribute.Property.PropertyType) == typeof(DType))
            {
                value = value is long code
                    ? OnnxTensors.DTypeOf((int)Math.Clamp(code, 0, 1000))
                    : throw new NabiException($"attribute '{proto.Name}' is not an element type");
            }
            plain[attribute.Key] = value;
        }
        return schema.Create(plain);
    }

    /// <summary>The attributes of an operator, as ONNX spells them.</summary>
    public static IEnumerable<AttributeProto> Write(Op op)
    {
        var schema = OpCatalog.Of(op);
        foreach (var attribute in schema.Attributes)
        {
            if (attribute.Plain(op) is not { } plain) continue;
            var name = OnnxNames.Attribute(schema.Name, attribute.Property.Name);
            yield return Proto(name, Spelled(attribute.Property.PropertyType, name, plain));
        }
    }

    /// <summary>An attribute from a plain value.</summary>
    public static AttributeProto Proto(string name, object plain)
    {
        var proto = new AttributeProto { Name = name };
        switch (plain)
        {
            case long number: (proto.Type, proto.I) = (AttributeType.Int, number); break;
            case DType type: (proto.Type, proto.I) = (AttributeType.Int, OnnxTensors.CodeOf(type)); break;
            case double number: (proto.Type, proto.F) = (AttributeType.Float, (float)number); break;
            case string text: (proto.Type, proto.S) = (AttributeType.String, ByteString.CopyFromUtf8(text)); break;
            case Tensor tensor: (proto.Type, proto.T) = (AttributeType.Tensor, OnnxTensors.Write(tensor, "")); break;
            case long[] numbers: proto.Type = AttributeType.Ints; proto.Ints.AddRange(numbers); break;
            case double[] numbers: proto.Type = AttributeType.Floats; proto.Floats.AddRange(numbers.Select(n => (float)n)); break;
            case string[] texts: proto.Type = AttributeType.Strings; proto.Strings.AddRange(texts.Select(ByteString.CopyFromUtf8)); break;
            default: throw new NotSupportedException($"An attribute of {plain.GetType()} cannot be written.");
        }
        return proto;
    }

    /// <summary>The plain value of an attribute.</summary>
    public static object Plain(AttributeProto proto) => TypeOf(proto) switch
    {
        AttributeType.Int => proto.I,
        AttributeType.Float => (double)proto.F,
        AttributeType.String => proto.S.ToStringUtf8(),
        AttributeType.Ints => proto.Ints.ToArray(),
        AttributeType.Floats => proto.Floats.Select(f => (double)f).ToArray(),
        AttributeType.Strings => proto.Strings.Select(s => s.ToStringUtf8()).ToArray(),
        AttributeType.Tensor => OnnxTensors.Read(proto.T ?? throw new NabiException($"attribute '{proto.Name}' holds no tensor"), null),
        var other => throw new NabiException($"attribute '{proto.Name}' of kind {other} is not supported"),
    };

    // Writers before IR version 3 left the type out.
    private static AttributeType TypeOf(AttributeProto proto) =>
        proto.Type != AttributeType.Undefined ? proto.Type
        : proto.HasI ? AttributeType.Int
        : proto.HasF ? AttributeType.Float
        : proto.HasS ? AttributeType.String
        : proto.T is not null ? AttributeType.Tensor
        : proto.Floats.Count > 0 ? AttributeType.Floats
        : proto.Strings.Count > 0 ? AttributeType.Strings
        : AttributeType.Ints;

    private static object Spelled(Type type, string attribute, object plain)
    {
        var element = Nullable.GetUnderlyingType(type) ?? (type.IsGenericType ? type.GetGenericArguments()[0] : type);
        if (!element.IsEnum) return plain;
        return plain switch
        {
            string member => OnnxNames.Member(attribute, member),
            string[] members => Array.ConvertAll(members, m => OnnxNames.Member(attribute, m)),
            _ => plain,
        };
    }
}
