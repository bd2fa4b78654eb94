using System.Runtime.InteropServices;

namespace Nabi.Formats.Tests;

/// <summary>Small TensorFlow Lite models written field by field, as a converter would write them.</summary>
internal sealed class TfLiteModels
{
    private readonly List<FlatTableWriter> _tensors = [];
    private readonly List<FlatTableWriter> _buffers = [new()];
    private readonly List<FlatTableWriter> _operators = [];
    private readonly List<(string Name, bool IsCustom, int Version)> _codes = [];

    /// <summary>Convolution, depthwise convolution, pooling and a dense layer behind a flattened image, all int8 with a scale per channel.</summary>
    public static byte[] Quantized()
    {
        var m = new TfLiteModels();
        var x = m.Activation<sbyte>("x", [1, 6, 6, 2], 0.05f, -3);
        var c = m.Activation<sbyte>("c", [1, 6, 6, 4], 0.1f, -128);
        var d = m.Activation<sbyte>("d", [1, 3, 3, 4], 0.08f, 5);
        var p = m.Activation<sbyte>("p", [1, 2, 2, 4], 0.08f, 5);
        var f = m.Activation<sbyte>("f", [1, 16], 0.08f, 5);
        var y = m.Activation<sbyte>("y", [1, 3], 0.2f, 7);
        var w = m.Weights("w", [4, 3, 3, 2], [0.01f, 0.02f, 0.03f, 0.015f], 0);
        var dw = m.Weights("dw", [1, 3, 3, 4], [0.02f, 0.01f, 0.03f, 0.02f], 3);
        var fc = m.Weights("fc", [3, 16], [0.02f], 0);
        m.Operator("CONV_2D", [x, w, m.Bias("b", [0.0005f, 0.001f, 0.0015f, 0.00075f])], [c], o => o.Number<int>(1, 1).Number(2, 1).Number<sbyte>(3, 1));
        m.Operator("DEPTHWISE_CONV_2D", [c, dw, m.Bias("db", [0.002f, 0.001f, 0.003f, 0.002f])], [d], o => o.Number(1, 2).Number(2, 2).Number(3, 1));
        m.Operator("AVERAGE_POOL_2D", [d], [p], o => o.Number<sbyte>(0, 1).Number(1, 1).Number(2, 1).Number(3, 2).Number(4, 2));
        m.Operator("RESHAPE", [p, m.Integers("shape", -1, 16)], [f]);
        m.Operator("FULLY_CONNECTED", [f, fc, -1], [y], o => o.Number<sbyte>(0, 0));
        return m.ToFile([x], [y]);
    }

    /// <summary>What floating-point networks use besides: padding, joining, broadcasting, resizing, cutting, squeeze-and-excitation.</summary>
    public static byte[] Floats()
    {
        var m = new TfLiteModels();
        int Image(string name, int h, int w, int c) => m.Tensor(name, 0, [1, h, w, c]);
        var (x, padded, c, r) = (Image("x", 5, 4, 3), Image("padded", 7, 6, 3), Image("c", 5, 4, 4), Image("r", 5, 4, 4));
        m.Operator("PAD", [x, m.Integers("pads", 0, 0, 1, 1, 1, 1, 0, 0)], [padded]);
        m.Operator("CONV_2D", [padded, m.Floats("w", 4, 3, 3, 3), m.Floats("b", 4)], [c], o => o.Number<sbyte>(0, 1).Number(1, 1).Number(2, 1).Number<sbyte>(3, 3));
        m.Operator("PRELU", [c, m.Floats("slopes", 1, 1, 4)], [r]);
        var (mean, gate, gated) = (Image("mean", 1, 1, 4), Image("gate", 1, 1, 4), Image("gated", 5, 4, 4));
        m.Operator("MEAN", [r, m.Integers("axes", 1, 2)], [mean], o => o.Number<sbyte>(0, 1));
        m.Operator("LOGISTIC", [mean], [gate]);
        m.Operator("MUL", [r, gate], [gated]);
        var (shifted, joined, large) = (Image("shifted", 5, 4, 4), Image("joined", 5, 4, 8), Image("large", 10, 8, 8));
        m.Operator("ADD", [gated, m.Floats("shift", 4)], [shifted], o => o.Number<sbyte>(0, 1));
        m.Operator("CONCATENATION", [shifted, r], [joined], o => o.Number(0, -1));
        m.Operator("RESIZE_BILINEAR", [joined, m.Integers("size", 10, 8)], [large], o => o.Number<sbyte>(3, 1));
        var (cut, row, scores, y) = (Image("cut", 5, 4, 4), m.Tensor("row", 0, [1, 80]), m.Tensor("scores", 0, [1, 5]), m.Tensor("y", 0, [1, 5]));
        m.Operator("STRIDED_SLICE", [large, m.Integers("from", 0, 0, 0, 2), m.Integers("to", 1, 10, 8, 6), m.Integers("steps", 1, 2, 2, 1)], [cut]);
        m.Operator("RESHAPE", [cut, m.Integers("flat", 1, 80)], [row]);
        m.Operator("FULLY_CONNECTED", [row, m.Floats("fc", 5, 80), m.Floats("fb", 5)], [scores], o => o.Number<sbyte>(0, 0));
        m.Operator("SOFTMAX", [scores], [y], o => o.Number(0, 1f));
        return m.ToFile([x], [y]);
    }

    /// <summary>Weights of 16-bit floats behind DEQUANTIZE, a transposed convolution.</summary>
    public static byte[] Hybrid()
    {
        var m = new TfLiteModels();
        var (x, y, z) = (m.Tensor("x", 0, [1, 3, 3, 2]), m.Tensor("y", 0, [1, 3, 3, 4]), m.Tensor("z", 0, [1, 6, 6, 2]));
        var half = m.Constant("half", 1, [4, 1, 1, 2], MemoryMarshal.AsBytes(Enumerable.Range(0, 8).Select(i => (Half)(i * 0.25f - 1)).ToArray().AsSpan()).ToArray());
        var w = m.Tensor("w", 0, [4, 1, 1, 2]);
        m.Operator("DEQUANTIZE", [half], [w]);
        m.Operator("CONV_2D", [x, w, -1], [y], o => o.Number(1, 1).Number(2, 1));
        m.Operator("TRANSPOSE_CONV", [m.Integers("size", 1, 6, 6, 2), m.Floats("tw", 2, 3, 3, 4), y], [z], o => o.Number(1, 2).Number(2, 2));
        return m.ToFile([x], [z]);
    }

    /// <summary>A model that is one operator.</summary>
    public static byte[] Single(string op, int[] from, int[] to, Action<FlatTableWriter>? options = null, params Func<TfLiteModels, int>[] constants)
    {
        var m = new TfLiteModels();
        var (x, y) = (m.Tensor("x", 0, from), m.Tensor("y", 0, to));
        m.Operator(op, [x, .. constants.Select(c => c(m))], [y], options);
        return m.ToFile([x], [y]);
    }

    public int Tensor(string name, sbyte type, int[] shape, int[]? signature = null)
    {
        var table = new FlatTableWriter().Numbers(0, shape).Number(1, type).Text(3, name);
        if (signature is not null) table.Numbers(7, signature);
        _tensors.Add(table);
        return _tensors.Count - 1;
    }

    public int Activation<T>(string name, int[] shape, float scale, long zero)
    {
        var index = Tensor(name, typeof(T) == typeof(sbyte) ? (sbyte)9 : typeof(T) == typeof(short) ? (sbyte)7 : (sbyte)3, shape);
        _tensors[index].Table(4, new FlatTableWriter().Numbers(2, scale).Numbers(3, zero));
        return index;
    }

    public int Constant(string name, sbyte type, int[] shape, byte[] data)
    {
        var index = Tensor(name, type, shape);
        _tensors[index].Number(2, _buffers.Count);
        _buffers.Add(new FlatTableWriter().Bytes(0, data));
        return index;
    }

    public int Floats(string name, params int[] shape) =>
        Constant(name, 0, shape, MemoryMarshal.AsBytes(Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(i => (i % 7 - 3) * 0.25f).ToArray().AsSpan()).ToArray());

    public int Integers(string name, params int[] values) => Constant(name, 2, [values.Length], MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    public int Weights(string name, int[] shape, float[] scales, int axis)
    {
        var index = Constant(name, 9, shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(i => (byte)(sbyte)(i * 37 % 255 - 127))]);
        _tensors[index].Table(4, new FlatTableWriter().Numbers(2, scales).Numbers(3, new long[scales.Length]).Number(6, axis));
        return index;
    }

    public int Bytes(string name, int[] shape, byte[] data, float scale, long zero)
    {
        var index = Constant(name, 3, shape, data);
        _tensors[index].Table(4, new FlatTableWriter().Numbers(2, scale).Numbers(3, zero));
        return index;
    }

    public int Bias(string name, float[] scales)
    {
        var index = Constant(name, 2, [scales.Length], MemoryMarshal.AsBytes(Enumerable.Range(0, scales.Length).Select(i => (i * 301) - 400).ToArray().AsSpan()).ToArray());
        _tensors[index].Table(4, new FlatTableWriter().Numbers(2, scales).Numbers(3, new long[scales.Length]));
        return index;
    }

    public void Operator(string name, int[] inputs, int[] outputs, Action<FlatTableWriter>? options = null, bool isCustom = false, int version = 1)
    {
        var table = new FlatTableWriter().Number(0, _codes.Count).Numbers(1, inputs).Numbers(2, outputs);
        _codes.Add((name, isCustom, version));
        if (options is not null)
        {
            var attributes = new FlatTableWriter();
            options(attributes);
            table.Number<byte>(3, 1).Table(4, attributes);
        }
        _operators.Add(table);
    }

    public byte[] ToFile(int[] inputs, int[] outputs) => new FlatTableWriter().Number(0, 3)
        .Tables(1, _codes.Select(c => Code(c.Name, c.IsCustom, c.Version)))
        .Tables(2, [new FlatTableWriter().Tables(0, _tensors).Numbers(1, inputs).Numbers(2, outputs).Tables(3, _operators).Text(4, "main")])
        .Tables(4, _buffers).ToFile("TFL3"u8);

    private static FlatTableWriter Code(string name, bool isCustom, int version)
    {
        var code = isCustom ? TfLiteOperatorNames.Custom : Enumerable.Range(0, 256).First(c => TfLiteOperatorNames.Of(c) == name);
        var table = new FlatTableWriter().Number(0, (sbyte)Math.Min(code, 127)).Number(2, version).Number(3, code);
        return isCustom ? table.Text(1, name) : table;
    }
}
