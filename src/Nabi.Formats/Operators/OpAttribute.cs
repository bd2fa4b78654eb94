using System.Reflection;

namespace Nabi.Formats;

/// <summary>
/// One attribute of an operator record: a settable property, perhaps inside an attribute group. Values travel to and from files in a
/// plain form: <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, <see cref="DType"/>, <see cref="Tensor"/>, or an array of the
/// first three.
/// </summary>
internal sealed class OpAttribute
{
    private readonly PropertyInfo[] _path;

    public OpAttribute(PropertyInfo[] path)
    {
        _path = path;
        Key = Squash(path[^1].Name);
    }

    /// <summary>The property's name without case and underscores: how names in files are matched.</summary>
    public string Key { get; }

    /// <summary>The property that holds the value.</summary>
    public PropertyInfo Property => _path[^1];

    /// <summary>A name without case and underscores.</summary>
    public static string Squash(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>The value an operator has, in plain form; null when it has none (null, or an empty list).</summary>
    public object? Plain(Op op)
    {
        object? value = op;
        foreach (var property in _path) value = value is null ? null : property.GetValue(value);
        return ToPlain(value);
    }

    /// <summary>A plain value as what <paramref name="type"/> holds.</summary>
    /// <exception cref="InvalidCastException">It cannot be.</exception>
    public static object? FromPlain(Type type, object? plain)
    {
        if (plain is null) return null;
        if (Nullable.GetUnderlyingType(type) is { } underlying) return FromPlain(underlying, plain);
        if (type.IsInstanceOfType(plain)) return plain;
        if (type == typeof(bool)) return (long)plain != 0;
        if (type == typeof(int)) return (int)Math.Clamp((long)plain, int.MinValue, int.MaxValue);
        if (type == typeof(ulong)) return plain is long l ? unchecked((ulong)l) : (ulong)(double)plain;
        if (type == typeof(float)) return plain is long i ? i : (float)(double)plain;
        if (type == typeof(double)) return (double)(long)plain;
        if (type.IsEnum) return ToEnum(type, plain);
        if (type == typeof(Shape)) return Shape.From((long[])plain);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueArray<>)) return ToValueArray(type, (Array)plain);
        throw new InvalidCastException($"a value of {plain.GetType().Name} cannot become {type.Name}");
    }

    private static object? ToPlain(object? value) => value switch
    {
        null or DType or Tensor or string or long or double => value,
        bool flag => flag ? 1L : 0L,
        int number => (long)number,
        ulong number => unchecked((long)number),
        float number => (double)number,
        Enum member => member.ToString(),
        Shape shape => shape.IsRanked ? Array.ConvertAll(shape.Dims.ToArray(), d => (long)d) : null,
        System.Collections.IEnumerable items => ToPlainArray(items),
        _ => throw new NotSupportedException($"An attribute of type {value.GetType()} cannot be written."),
    };

    private static Array? ToPlainArray(System.Collections.IEnumerable items)
    {
        var plain = items.Cast<object?>().Select(ToPlain).ToArray();
        return plain is [] ? null : plain[0] switch
        {
            long => Array.ConvertAll(plain, p => (long)p!),
            double => Array.ConvertAll(plain, p => (double)p!),
            string => Array.ConvertAll(plain, p => (string)p!),
            _ => throw new NotSupportedException($"A list of {plain[0]?.GetType()} cannot be written."),
        };
    }

    private static object ToEnum(Type type, object plain)
    {
        if (plain is long number)
        {
            var value = Enum.ToObject(type, number);
            return Enum.IsDefined(type, value) ? value : throw new InvalidCastException($"{number} is not one of its values");
        }
        var wanted = Squash((string)plain);
        foreach (var name in Enum.GetNames(type))
            if (Squash(name) == wanted) return Enum.Parse(type, name);
        throw new InvalidCastException($"'{plain}' is not one of {string.Join(", ", Enum.GetNames(type))}");
    }

    private static object ToValueArray(Type type, Array plain)
    {
        var element = type.GetGenericArguments()[0];
        var items = Array.CreateInstance(element, plain.Length);
        for (var i = 0; i < plain.Length; i++) items.SetValue(FromPlain(element, plain.GetValue(i)), i);
        return type.GetMethod("op_Implicit", [items.GetType()])!.Invoke(null, [items])!;
    }
}
