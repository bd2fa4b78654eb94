using System.Reflection;
using System.Runtime.CompilerServices;

namespace Nabi.Formats;

/// <summary>What an operator record looks like to a file format: its name, its attributes, and how to make one.</summary>
internal sealed class OpSchema
{
    private readonly Type _type;
    private readonly Dictionary<string, OpAttribute> _byKey = new(StringComparer.Ordinal);

    public OpSchema(Type type)
    {
        _type = type;
        var blank = (Op)RuntimeHelpers.GetUninitializedObject(type);
        (Name, Domain) = (blank.Name, blank.Domain);
        var attributes = new List<OpAttribute>();
        Collect(type, [], attributes);
        Attributes = attributes;
        foreach (var attribute in attributes) _byKey.Add(attribute.Key, attribute);
    }

    /// <summary>The operator's name in its domain.</summary>
    public string Name { get; }

    /// <summary>The operator's domain; empty for standard ONNX.</summary>
    public string Domain { get; }

    /// <summary>The attributes, those of groups among them.</summary>
    public IReadOnlyList<OpAttribute> Attributes { get; }

    /// <summary>Finds an attribute by its name in a file.</summary>
    public OpAttribute? Attribute(string name) => _byKey.GetValueOrDefault(OpAttribute.Squash(name));

    /// <summary>Makes the operator. Attributes that are not given keep the record's default.</summary>
    /// <param name="plain">Plain values by <see cref="OpAttribute.Key"/>.</param>
    /// <exception cref="NabiException">A required attribute is missing or a value does not fit.</exception>
    public Op Create(IReadOnlyDictionary<string, object> plain)
    {
        try
        {
            return (Op)Make(_type, plain);
        }
        catch (TargetInvocationException e) when (e.InnerException is not null)
        {
            throw new NabiException($"operator {Name} does not accept its attributes: {e.InnerException.Message}", e.InnerException);
        }
    }

    private static object Make(Type type, IReadOnlyDictionary<string, object> plain)
    {
        var constructor = type.GetConstructors().Where(c => c.GetParameters() is not [{ } only] || only.ParameterType != type)
            .MaxBy(c => c.GetParameters().Length)!;
        var done = new HashSet<string>(StringComparer.Ordinal);
        var arguments = Array.ConvertAll(constructor.GetParameters(), p =>
        {
            done.Add(p.Name!);
            return IsGroup(p.ParameterType) ? Make(p.ParameterType, plain)
                : plain.TryGetValue(OpAttribute.Squash(p.Name!), out var value) ? Typed(p.ParameterType, p.Name!, value)
                : p.HasDefaultValue ? p.DefaultValue
                : throw new NabiException($"attribute '{OnnxNames.Snake(p.Name!)}' is missing");
        });
        var made = constructor.Invoke(arguments);
        foreach (var property in Settable(type))
        {
            if (done.Contains(property.Name)) continue;
            if (IsGroup(property.PropertyType)) property.SetValue(made, Make(property.PropertyType, plain));
            else if (plain.TryGetValue(OpAttribute.Squash(property.Name), out var value)) property.SetValue(made, Typed(property.PropertyType, property.Name, value));
        }
        return made;
    }

    private static object? Typed(Type type, string name, object plain)
    {
        try
        {
            return OpAttribute.FromPlain(type, plain);
        }
        catch (InvalidCastException e)
        {
            throw new NabiException($"attribute '{OnnxNames.Snake(name)}' does not fit: {e.Message}", e);
        }
    }

    private static void Collect(Type type, PropertyInfo[] path, List<OpAttribute> into)
    {
        foreach (var property in Settable(type))
        {
            if (IsGroup(property.PropertyType)) Collect(property.PropertyType, [.. path, property], into);
            else into.Add(new OpAttribute([.. path, property]));
        }
    }

    private static IEnumerable<PropertyInfo> Settable(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.SetMethod is { IsPublic: true } && p.GetIndexParameters() is []);

    private static bool IsGroup(Type type) => type.IsAssignableTo(typeof(IAttributeGroup)) && type != typeof(IAttributeGroup);
}
