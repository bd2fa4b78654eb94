using Nabi.Ops;

namespace Nabi.TestSuite;

public static partial class OperatorCases
{
    /// <summary>Convolutions and the matrix product with bias.</summary>
    public static IEnumerable<OperatorCase> Convolutions =>
    [
        Case(Conv(1), Float(2, 3, 5, 4), Float(4, 3, 1, 1), Float(4)),
        Case(Conv(3, pad: 1), Float(1, 2, 5, 6), Float(3, 2, 3, 3), Float(3)),
        Case(Conv(3, stride: 2, pad: 1), Float(2, 2, 6, 5), Float(3, 2, 3, 3)),
        Case(Conv(3, dilation: 2, pad: 2), Float(1, 2, 6, 7), Float(2, 2, 3, 3)),
        Case(Conv(3, stride: 2, pad: 1, group: 4), Float(1, 4, 7, 6), Float(4, 1, 3, 3), Float(4)),
        Case(Conv(3, pad: 1, group: 3), Float(1, 3, 4, 4), Float(6, 1, 3, 3)),
        Case(Conv(1, group: 2), Float(1, 4, 3, 3), Float(6, 2, 1, 1), Float(6)),
        Case(new Conv { Window = new Window { Strides = [2, 1], Pads = [0, 1, 2, 3], Dilations = [1, 2] } }, Float(1, 2, 5, 6), Float(2, 2, 2, 3)),
        Case(new Conv { Window = new Window { AutoPad = AutoPad.SameUpper, Strides = [2, 2] } }, Float(1, 2, 5, 6), Float(2, 2, 3, 2), Float(2)),
        Case(new Conv { Window = new Window { AutoPad = AutoPad.SameLower, Strides = [2, 3] } }, Float(1, 2, 6, 7), Float(2, 2, 3, 2)),
        Case(new Conv { Window = new Window { AutoPad = AutoPad.Valid } }, Float(1, 2, 4, 4), Float(2, 2, 3, 3)),
        Case(new Conv { Window = new Window { Strides = [2], Pads = [1, 0] } }, Float(2, 3, 8), Float(2, 3, 3), Float(2)),
        Case(new Conv { Window = new Window { Pads = [1, 0, 0, 0, 1, 1] } }, Float(1, 2, 3, 4, 3), Float(2, 2, 2, 3, 2)),
        Case(new ConvInputGradient { Window = Window.Of(3, stride: 2, pad: 1), Group = 2, Spatial = [6, 5] }, Float(1, 4, 3, 3), Float(4, 1, 3, 3)),
        Case(new ConvWeightGradient { Window = Window.Of(3, stride: 2, pad: 1), Group = 2 }, Float(1, 2, 6, 5), Float(1, 4, 3, 3)),
        Case(new AdderConv { Window = Window.Of(3, pad: 1) }, Float(2, 3, 7, 6), Float(5, 3, 3, 3)) with { ChecksGradient = false },
        Case(new AdderConv { Window = Window.Of(3, stride: 2, pad: 1) }, Float(1, 6, 9, 8), Float(8, 6, 3, 3)) with { ChecksGradient = false },
        Case(new AdderConv { Window = Window.Of(1, stride: 2) }, Float(1, 2, 7, 6), Float(3, 2, 1, 1)) with { ChecksGradient = false },
        Case(new AdderConv { Window = new Window { Strides = [2, 1], Pads = [0, 1, 2, 3], Dilations = [1, 2] } }, Float(1, 2, 5, 6), Float(2, 2, 2, 3)) with { ChecksGradient = false },
        Case(new AdderConv { Window = new Window { Strides = [2], Pads = [1, 0] } }, Float(2, 3, 8), Float(2, 3, 3)) with { ChecksGradient = false },
        Case(new AdderConvInputGradient { Window = Window.Of(3, pad: 1) }, Float(2, 5, 7, 6), Float(2, 3, 7, 6), Float(5, 3, 3, 3)),
        Case(new AdderConvInputGradient { Window = Window.Of(3, stride: 2, pad: 1) }, Float(1, 8, 5, 4), Float(1, 6, 9, 8), Float(8, 6, 3, 3)),
        Case(new AdderConvInputGradient { Window = Window.Of(1, stride: 2) }, Float(1, 3, 4, 3), Float(1, 2, 7, 6), Float(3, 2, 1, 1)),
        Case(new AdderConvInputGradient { Window = new Window { Strides = [2, 1], Pads = [0, 1, 2, 3], Dilations = [1, 2] } },
            Float(1, 2, 3, 6), Float(1, 2, 5, 6), Float(2, 2, 2, 3)),
        Case(new ConvTranspose(), Float(1, 2, 3, 4), Float(2, 3, 3, 2), Float(3)),
        Case(new ConvTranspose { Window = new Window { Strides = [2, 3], Pads = [1, 0, 1, 1] }, OutputPadding = [1, 2] }, Float(1, 2, 3, 4), Float(2, 3, 3, 3)),
        Case(new ConvTranspose { Window = new Window { Strides = [2, 2] }, OutputShape = [7, 8] }, Float(1, 2, 3, 4), Float(2, 2, 3, 3)),
        Case(new ConvTranspose { Window = new Window { Strides = [2, 2], AutoPad = AutoPad.SameUpper }, Group = 2 }, Float(1, 4, 3, 2), Float(4, 1, 3, 3), Float(2)),
        Case(new ConvTranspose { Window = new Window { Dilations = [2] } }, Float(2, 2, 4), Float(2, 3, 2)),
        Case(new Gemm(), Float(3, 4), Float(4, 5), Float(5)),
        Case(new Gemm { TransB = true, Alpha = 0.5f, Beta = 2 }, Float(3, 4), Float(5, 4), Float(3, 1)),
        Case(new Gemm { TransA = true }, Float(4, 3), Float(4, 5), Float(1)),
        Case(new Gemm { TransA = true, TransB = true, Alpha = -1.5f }, Float(4, 3), Float(5, 4)),
    ];

    /// <summary>Pooling.</summary>
    public static IEnumerable<OperatorCase> Poolings =>
    [
        Case(new MaxPool { Window = Window.Of(2, stride: 2) }, Float(2, 3, 6, 4)),
        Case(new MaxPool { Window = Window.Of(3, stride: 2, pad: 1), CeilMode = true }, Float(1, 2, 6, 8)),
        Case(new MaxPool { Window = Window.Of(2, dilation: 2) }, Float(1, 2, 5, 6)),
        Case(new MaxPool { Window = new Window { KernelShape = [3], Strides = [2], AutoPad = AutoPad.SameUpper } }, Float(2, 2, 9)),
        Case(new MaxPool { Window = Window.Of(2, rank: 3) }, Float(1, 2, 3, 4, 3)),
        Case(new MaxPool { Window = Window.Of(2, stride: 2) }, Float(1, 2, 4, 6)) with { OutputCount = 2 },
        Case(new MaxPool { Window = Window.Of(2, stride: 2), StorageOrder = 1 }, Float(1, 2, 6, 4)) with { OutputCount = 2 },
        Case(new MaxPool { Window = Window.Of(2) }, Float(1, 2, 3, 4).Cast(DType.Int8)) with { ChecksGradient = false },
        Case(new MaxPoolGradient { Window = Window.Of(2, stride: 2) }, Float(1, 2, 4, 4), Float(1, 2, 2, 2)) with { Constants = [0] },
        Case(new AveragePool { Window = Window.Of(2, stride: 2) }, Float(2, 3, 6, 4)),
        Case(new AveragePool { Window = Window.Of(3, stride: 2, pad: 1) }, Float(1, 2, 5, 6)),
        Case(new AveragePool { Window = Window.Of(3, stride: 2, pad: 1), CountIncludePad = true }, Float(1, 2, 5, 6)),
        Case(new AveragePool { Window = Window.Of(3, stride: 2, pad: 1), CountIncludePad = true, CeilMode = true }, Float(1, 2, 6, 8)),
        Case(new AveragePool { Window = Window.Of(3, stride: 2), CeilMode = true }, Float(1, 2, 6, 8)),
        Case(new AveragePool { Window = new Window { KernelShape = [3, 2], Strides = [2, 2], AutoPad = AutoPad.SameLower } }, Float(1, 2, 5, 5)),
        Case(new AveragePool { Window = Window.Of(2, rank: 1) }, Float(1, 3, 7)),
        Case(new AveragePoolGradient { Window = Window.Of(3, stride: 2, pad: 1), Spatial = [5, 6] }, Float(1, 2, 3, 3)),
        Case(new GlobalAveragePool(), Float(2, 3, 4, 5)),
        Case(new GlobalMaxPool(), Float(2, 3, 4, 5)),
        Case(new LpPool { Window = Window.Of(2, stride: 2) }, Float(1, 2, 4, 6)),
        Case(new LpPool { Window = Window.Of(3, stride: 2, pad: 1), P = 3, CeilMode = true }, Float(1, 2, 6, 8)),
        Case(new GlobalLpPool(), Float(2, 3, 4, 5)),
        Case(new MaxUnpool { Window = Window.Of(2, stride: 2) }, Float(1, 1, 2, 2), Integers(5, 7, 13, 14).Reshape([1, 1, 2, 2])),
        Case(new MaxUnpool { Window = Window.Of(2, stride: 2) }, Float(1, 1, 2, 2), Integers(5, 7, 13, 14).Reshape([1, 1, 2, 2]), Integers(1, 1, 5, 6)),
    ];

    /// <summary>Normalizations.</summary>
    public static IEnumerable<OperatorCase> Normalizations =>
    [
        Case(new BatchNormalization(), Float(2, 3, 4, 2), Float(3), Float(3), Float(3), Positive(3)),
        Case(new BatchNormalization { TrainingMode = true }, Float(3, 2, 2, 3), Float(2), Float(2), Float(2), Positive(2)),
        Case(new BatchNormalization { TrainingMode = true, Momentum = 0.8f }, Float(4, 3), Float(3), Float(3), Float(3), Positive(3))
            with { OutputCount = 5, ChecksGradient = false },
        Case(new BatchNormalizationGradient(), Float(3, 2, 2), Float(2), Float(3, 2, 2)) with { OutputCount = 3 },
        Case(new LRN { Size = 3, Alpha = 0.5f }, Float(2, 5, 2, 2)),
        Case(new LRN { Size = 4, Alpha = 0.5f, Beta = 0.5f, Bias = 2 }, Float(1, 6, 3)),
        Case(new LayerNormalization(), Float(2, 3, 5), Float(5), Float(5)),
        Case(new LayerNormalization { Axis = 1 }, Float(2, 3, 4), Float(3, 4)),
        Case(new LayerNormalization(), Float(3, 7), Float(7), Float(7)) with { OutputCount = 3, ChecksGradient = false },
        Case(new RMSNormalization(), Float(2, 3, 5), Float(5)),
        Case(new InstanceNormalization(), Float(2, 3, 4, 2), Float(3), Float(3)),
        Case(new GroupNormalization { NumGroups = 2 }, Float(2, 4, 3), Float(4), Float(4)),
        Case(new GroupNormalization { NumGroups = 2 }, Float(2, 4, 3, 2), Float(2), Float(2)),
        Case(new MeanVarianceNormalization(), Float(2, 3, 3, 2)),
        Case(new MeanVarianceNormalization { Axes = [-1] }, Float(2, 3, 4)),
        Case(new LpNormalization(), Float(2, 3, 5)),
        Case(new LpNormalization { Axis = 1, P = 1 }, Float(2, 3, 5)),
        Case(new Dropout(), Float(5, 7)),
        Case(new Dropout { Seed = 3 }, Float(5, 7), Tensor.Scalar(0.25f), True) with { OutputCount = 2, Constants = [1] },
    ];

    /// <summary>Recurrent layers.</summary>
    public static IEnumerable<OperatorCase> Recurrences =>
    [
        Case(new RNN(), Float(3, 2, 4), Float(1, 3, 4), Float(1, 3, 3)) with { OutputCount = 2 },
        Case(new RNN { Direction = RecurrentDirection.Bidirectional, Activations = ["Tanh", "Softsign"] },
            Float(3, 2, 4), Float(2, 3, 4), Float(2, 3, 3), Float(2, 6), Lengths(3, 1), Float(2, 2, 3)) with { OutputCount = 2 },
        Case(new GRU(), Float(3, 2, 4), Float(1, 9, 4), Float(1, 9, 3), Float(1, 18)) with { OutputCount = 2 },
        Case(new GRU { LinearBeforeReset = true, Direction = RecurrentDirection.Reverse, Layout = 1 },
            Float(2, 3, 4), Float(1, 9, 4), Float(1, 9, 3), Float(1, 18), Lengths(2, 3), Float(2, 1, 3)) with { OutputCount = 2 },
        Case(new LSTM(), Float(3, 2, 4), Float(1, 12, 4), Float(1, 12, 3)) with { OutputCount = 3 },
        Case(new LSTM { Direction = RecurrentDirection.Bidirectional, HiddenSize = 2 },
            Float(3, 2, 3), Float(2, 8, 3), Float(2, 8, 2), Float(2, 16), Lengths(2, 3), Float(2, 2, 2), Float(2, 2, 2), Float(2, 6)) with { OutputCount = 3 },
        Case(new LSTM { InputForget = true, Clip = 3.1f, Activations = ["HardSigmoid", "Affine", "ScaledTanh"], ActivationAlpha = [0.2f, 0.5f, 1.5f], ActivationBeta = [0.5f, 0.1f, 0.7f] },
            Float(2, 2, 3), Float(1, 8, 3), Float(1, 8, 2)) with { ChecksGradient = false },
        Case(new RNN { Direction = RecurrentDirection.Bidirectional }, Float(3, 2, 4), Float(2, 5, 4), Float(2, 5, 5), Float(2, 10), null, Float(2, 2, 5)) with { OutputCount = 2 },
        Case(new GRU { Direction = RecurrentDirection.Bidirectional }, Float(3, 2, 4), Float(2, 15, 4), Float(2, 15, 5), Float(2, 30), null, Float(2, 2, 5)) with { OutputCount = 2 },
        Case(new GRU { LinearBeforeReset = true, Direction = RecurrentDirection.Reverse },
            Float(3, 2, 4), Float(1, 15, 4), Float(1, 15, 5), Float(1, 30), null, Float(1, 2, 5)) with { OutputCount = 2 },
        Case(new LSTM { Direction = RecurrentDirection.Bidirectional },
            Float(3, 2, 4), Float(2, 20, 4), Float(2, 20, 5), Float(2, 40), null, Float(2, 2, 5), Float(2, 2, 5)) with { OutputCount = 3 },
    ];

    /// <summary>Losses.</summary>
    public static IEnumerable<OperatorCase> Losses =>
    [
        Case(new SoftmaxCrossEntropyLoss(), Float(4, 5), Integers(1, 0, 4, 2)),
        Case(new SoftmaxCrossEntropyLoss { IgnoreIndex = -1 }, Float(4, 5), Integers(1, -1, 4, 2), Positive(5)) with { Constants = [2] },
        Case(new SoftmaxCrossEntropyLoss { Reduction = LossReduction.Sum }, Float(4, 5), Integers(1, 0, 4, 2)) with { OutputCount = 2 },
        Case(new SoftmaxCrossEntropyLoss { Reduction = LossReduction.None }, Float(2, 3, 2), Integers(0, 2, 1, 1).Reshape([2, 2])),
        Case(new SoftmaxCrossEntropyGradient { IgnoreIndex = 2 }, Float(4, 5), Integers(1, 0, 4, 2), Positive(1).Reshape([]), Positive(5)) with { Constants = [3] },
        Case(new SoftmaxCrossEntropyGradient { Reduction = LossReduction.None }, Float(2, 3, 2), Integers(0, 2, 1, 1).Reshape([2, 2]), Float(2, 2)),
        Case(new NegativeLogLikelihoodLoss(), Float(4, 5), Integers(1, 0, 4, 2), Positive(5)) with { Constants = [2] },
        Case(new NegativeLogLikelihoodLoss { Reduction = LossReduction.None, IgnoreIndex = 1 }, Float(2, 3, 2), Integers(0, 2, 1, 1).Reshape([2, 2])),
    ];

    /// <summary>Quantization.</summary>
    public static IEnumerable<OperatorCase> Quantizations =>
    [
        Case(new QuantizeLinear(), Float(3, 17), Tensor.Scalar(0.02f), Tensor.Scalar((byte)128)),
        Case(new QuantizeLinear(), Float(3, 17), Tensor.Scalar(0.02f), Tensor.Scalar((sbyte)-3)),
        Case(new QuantizeLinear { Axis = 0 }, Float(3, 17), Tensor.Vector(0.01f, 0.02f, 0.03f), Tensor.Vector<sbyte>(0, 1, -2)),
        Case(new QuantizeLinear { BlockSize = 4 }, Float(2, 6), Positive(2, 2)),
        Case(new DequantizeLinear(), Bytes(3, 17), Tensor.Scalar(0.02f), Tensor.Scalar((byte)128)),
        Case(new DequantizeLinear { Axis = 0 }, Bytes(3, 17), Tensor.Vector(0.01f, 0.02f, 0.03f), Tensor.Vector<byte>(0, 1, 255)),
        Case(new DequantizeLinear { BlockSize = 4 }, Bytes(2, 6), Positive(2, 2)) with { ChecksGradient = false },
        Case(new FakeQuantize(), Float(3, 17), Tensor.Scalar(0.02f)) with { ChecksGradient = false },
        Case(new FakeQuantize { Axis = 0, QMin = 0, QMax = 15 }, Float(3, 17), Tensor.Vector(0.1f, 0.2f, 0.3f), Tensor.Vector<byte>(7, 8, 9)) with { ChecksGradient = false },
        Case(new FakeQuantizeGradient { QMin = 0, QMax = 15 }, Float(3, 17), Float(17, 3).Reshape([3, 17]), Tensor.Scalar(0.02f), Tensor.Scalar((byte)8))
            with { Constants = [0, 2] },
    ];

    /// <summary>Integer arithmetic.</summary>
    public static IEnumerable<OperatorCase> IntegerArithmetic =>
    [
        Case(new ConvInteger { Window = Window.Of(3, pad: 1) }, Bytes(1, 2, 4, 5), Bytes(3, 2, 3, 3), Tensor.Scalar((byte)9), Tensor.Scalar((byte)4)),
        Case(new ConvInteger { Group = 2 }, Bytes(1, 2, 4, 5), Signed(2, 1, 3, 3), Tensor.Scalar((byte)9), Tensor.Vector<sbyte>(4, -3)),
        Case(new QLinearConv { Window = Window.Of(3, stride: 2, pad: 1) }, Bytes(1, 2, 5, 4), Tensor.Scalar(0.02f), Tensor.Scalar((byte)100),
            Signed(3, 2, 3, 3), Tensor.Vector(0.01f, 0.02f, 0.03f), Tensor.Vector<sbyte>(0, 0, 0), Tensor.Scalar(0.3f), Tensor.Scalar((byte)120), Tensor.Vector(100, -200, 300)),
        Case(new MatMulInteger(), Bytes(3, 7), Signed(7, 5), Tensor.Scalar((byte)100)),
        Case(new MatMulInteger(), Bytes(3, 7), Bytes(7, 5), Tensor.Vector<byte>(1, 2, 3), Tensor.Vector<byte>(5, 6, 7, 8, 9)),
        Case(new QLinearMatMul(), Bytes(2, 3, 7), Tensor.Scalar(0.02f), Tensor.Scalar((byte)100), Signed(7, 5), Tensor.Vector(0.01f, 0.02f, 0.03f, 0.04f, 0.05f),
            Tensor.Vector<sbyte>(0, 1, 2, 3, 4), Tensor.Scalar(0.3f), Tensor.Scalar((sbyte)-10)),
        Case(new DynamicQuantizeLinear(), Float(3, 17)) with { OutputCount = 3 },
    ];

    /// <summary>Optimizer steps.</summary>
    public static IEnumerable<OperatorCase> Optimizers =>
    [
        Case(new SgdUpdate { WeightDecay = 0.1f }, Float(3, 17), Float(3, 17), Tensor.Scalar(0.1f)),
        Case(new SgdUpdate { Momentum = 0.9f }, Float(37), Float(37), Tensor.Scalar(0.1f), Float(37)) with { OutputCount = 2 },
        Case(new SgdUpdate { Momentum = 0.9f, Nesterov = true, WeightDecay = 0.1f }, Float(37), Float(37), Tensor.Scalar(0.1f), Float(37)) with { OutputCount = 2 },
        Case(new AdamUpdate { WeightDecay = 0.1f }, Float(37), Float(37), Tensor.Scalar(0.1f), Tensor.Scalar(3L), Float(37), Positive(37)) with { OutputCount = 3 },
        Case(new AdamUpdate { WeightDecay = 0.1f, Decoupled = true }, Float(37), Float(37), Tensor.Scalar(0.1f), Tensor.Scalar(1L), Float(37), Positive(37)) with { OutputCount = 3 },
        Case(new RmsPropUpdate(), Float(37), Float(37), Tensor.Scalar(0.1f), Positive(37)) with { OutputCount = 2 },
        Case(new RmsPropUpdate { Momentum = 0.9f }, Float(37), Float(37), Tensor.Scalar(0.1f), Positive(37), Float(37)) with { OutputCount = 3 },
    ];

    private static Conv Conv(int kernel, int stride = 1, int pad = 0, int dilation = 1, int group = 1) =>
        new() { Window = Window.Of(kernel, stride, pad, dilation), Group = group };

    private static Tensor Bytes(params int[] dims)
    {
        var tensor = Tensor.Empty(DType.UInt8, Shape.Create(dims));
        for (var i = 0; i < tensor.Count; i++) tensor.Bytes[i] = (byte)(i * 37);
        return tensor;
    }

    private static Tensor Signed(params int[] dims)
    {
        var tensor = Tensor.Empty(DType.Int8, Shape.Create(dims));
        for (var i = 0; i < tensor.Count; i++) tensor.Bytes[i] = (byte)(i * 53 + 17);
        return tensor;
    }

    private static Tensor Lengths(params int[] lengths) => Tensor.Vector<int>(lengths);

    private static Tensor True => Tensor.Scalar((byte)1).Cast(DType.Bool);
}
