namespace Nabi.Formats;

/// <summary>Operators in .nabi files: name, domain and every attribute that has a value, by name, so that defaults may change later.</summary>
internal static class CompactOps
{
    private enum Kind : byte { Integer, Float, Text, DType, Tensor, Integers, Floats, Texts }

    /// <summary>Appends an operator.</summary>
    public static void Write(Op op, ByteWriter writer)
    {
        var schema = OpCatalog.Of(op);
        var attributes = schema.Attributes.Select(a => (a.Property.Name, Plain: a.Plain(op))).Where(a => a.Plain is not null).ToArray();
        writer.Text(schema.Domain);
        writer.Text(schema.Name);
        writer.Count(attributes.Length);
        foreach (var (name, plain) in attributes)
        {
            writer.Text(name);
            WriteValue(plain!, writer);
        }
    }

    /// <summary>Reads an operator.</summary>
    /// <exception cref="NabiException">Nabi does not have it, or an attribute does not fit.</exception>
    public static Op Read(ref ByteReader reader)
    {
        var (domain, name) = (reader.Text(), reader.Text());
        var schema = OpCatalog.Find(domain, name) ?? throw new NabiException($"operator '{name}' is not known; a newer Nabi wrote the file");
        var plain = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var left = reader.Count(); left > 0; left--)
        {
            var attribute = schema.Attribute(reader.Text())
                ?? throw new NabiException($"an attribute of operator '{name}' is not known; a newer Nabi wrote the file");
            plain[attribute.Key] = ReadValue(ref reader);
        }
        return schema.Create(plain);
    }

    private static void WriteValue(object plain, ByteWriter writer)
    {
        switch (plain)
        {
            case long number: Tag(Kind.Integer, writer).Signed(number); break;
            case double number: Tag(Kind.Float, writer).Double(number); break;
            case string text: Tag(Kind.Text, writer).Text(text); break;
            case DType type: Tag(Kind.DType, writer).Byte((byte)type); break;
            case Tensor tensor: TensorCodec.Write(tensor, Tag(Kind.Tensor, writer)); break;
            case long[] numbers: WriteAll(Kind.Integers, numbers, writer, writer.Signed); break;
            case double[] numbers: WriteAll(Kind.Floats, numbers, writer, writer.Double); break;
            case string[] texts: WriteAll(Kind.Texts, texts, writer, writer.Text); break;
            default: throw new NotSupportedException($"An attribute of {plain.GetType()} cannot be written.");
        }
    }

    private static void WriteAll<T>(Kind kind, T[] items, ByteWriter writer, Action<T> write)
    {
        Tag(kind, writer).Count(items.Length);
        foreach (var item in items) write(item);
    }

    private static ByteWriter Tag(Kind kind, ByteWriter writer)
    {
        writer.Byte((byte)kind);
        return writer;
    }

    private static object ReadValue(ref ByteReader reader)
    {
        switch ((Kind)reader.Byte())
        {
            case Kind.Integer: return reader.Signed();
            case Kind.Float: return reader.Double();
            case Kind.Text: return reader.Text();
            case Kind.DType: return CompactTypes.DTypeOf(reader.Byte());
            case Kind.Tensor: return TensorCodec.Read(ref reader);
            case Kind.Integers:
                var integers = new long[reader.Count()];
                for (var i = 0; i < integers.Length; i++) integers[i] = reader.Signed();
                return integers;
            case Kind.Floats:
                var floats = new double[reader.Count(8)];
                for (var i = 0; i < floats.Length; i++) floats[i] = reader.Double();
                return floats;
            case Kind.Texts:
                var texts = new string[reader.Count()];
                for (var i = 0; i < texts.Length; i++) texts[i] = reader.Text();
                return texts;
            default: throw new NabiException("the kind of an attribute is not known; a newer Nabi wrote the file");
        }
    }
}
