using System.Text;

namespace Nabi.Cli.Tests;

/// <summary>ONNX files written field by field (protocol buffers, wire types 0 and 2), so that they may be wrong in any way.</summary>
internal static class OnnxBytes
{
    private const int Float = 1;

    /// <summary>One node that reads input x [1, 4] and tensor w, and makes y.</summary>
    public static byte[] Model(string op, long[] dims, byte[] data, int opset = 17) =>
    [
        .. Number(1, 8),
        .. Field(7, [
            .. Field(1, [.. Text(1, "x"), .. Text(1, "w"), .. Text(2, "y"), .. Text(3, "the_node"), .. Text(4, op)]),
            .. Text(2, "hostile"),
            .. Field(5, [.. dims.SelectMany(d => Number(1, d)), .. Number(2, Float), .. Text(8, "w"), .. Field(9, data)]),
            .. Field(11, Info("x", 1, 4)),
            .. Field(12, Info("y")),
        ]),
        .. Field(8, Number(2, opset)),
    ];

    private static byte[] Info(string name, params long[] dims) =>
        [.. Text(1, name), .. Field(2, Field(1, [.. Number(1, Float), .. dims.Length == 0 ? [] : Field(2, [.. dims.SelectMany(d => Field(1, Number(1, d)))])]))];

    private static byte[] Text(int field, string text) => Field(field, Encoding.UTF8.GetBytes(text));

    private static byte[] Field(int field, byte[] bytes) => [.. Varint((ulong)((field << 3) | 2)), .. Varint((ulong)bytes.Length), .. bytes];

    private static byte[] Number(int field, long number) => [.. Varint((ulong)(field << 3)), .. Varint((ulong)number)];

    private static List<byte> Varint(ulong number)
    {
        var bytes = new List<byte>();
        for (; number >= 128; number >>= 7) bytes.Add((byte)(number | 128));
        bytes.Add((byte)number);
        return bytes;
    }
}
