using Nabi.Compression.Quantization;
using Nabi.Ops;
using Nabi.Training.Data;

namespace Nabi.Compression.Diagnosis;

/// <summary>What can be seen of layers while both networks run on the same samples. Memory does not grow with the samples.</summary>
internal sealed class LayerObservations(LayerPairs pairs, CompressionContext context)
{
    // 0.1 % at either end: the values that rounding may cut off without harm.
    private const double Tail = 0.001;

    /// <summary>Looks at every pair.</summary>
    public IReadOnlyList<LayerDiagnosis> Of(DataSet data)
    {
        context.Report("comparing layers");
        var records = pairs.All.Select(p => new Observed(p, pairs.Compressed)).ToArray();
        var loader = new BatchLoader(data, ModelBatches.Options(pairs.Original, data, Math.Min(context.BatchSize, data.Count)));
        using var original = new ObservedGraph(pairs.Original, [.. records.SelectMany(r => r.OriginalValues).Distinct()], loader.Options.BatchSize, context.Threads);
        using var compressed = new ObservedGraph(pairs.Compressed, [.. records.Select(r => r.CompressedValue).OfType<string>().Distinct()],
            loader.Options.BatchSize, context.Threads);
        foreach (var batch in loader.Epoch(0))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var (before, after) = (original.Run(batch.Inputs), compressed.Run(batch.Inputs));
            foreach (var record in records) record.Add(before, after, batch.Count);
        }
        return [.. records.Select(r => r.Result())];
    }

    /// <summary>One layer's sums.</summary>
    private sealed class Observed
    {
        private readonly LayerPair _pair;
        private readonly InputRounding? _rounding;
        private readonly Histogram _input = new();
        private readonly Sqnr _sqnr = new();
        private readonly Value? _tail;
        private float[] _inputChannels = [];
        private double[] _sum = [], _squares = [], _difference = [];
        private long _perChannel;
        private long _beyond;

        public Observed(LayerPair pair, Graph compressed)
        {
            _pair = pair;
            _rounding = InputRounding.Behind(pair.Compressed.Inputs[0]!);
            // Shapes beyond the batch must agree: a pruned layer has other channels.
            _tail = compressed.Nodes.SelectMany(n => n.Outputs).FirstOrDefault(v => v.Name == pair.Tail.Name);
            if (_tail is not null && (_tail.Shape.Rank != pair.Tail.Shape.Rank || !_tail.Shape.Dims[1..].SequenceEqual(pair.Tail.Shape.Dims[1..]))) _tail = null;
        }

        public IEnumerable<string> OriginalValues => [_pair.Original.Inputs[0]!.Name, _pair.Tail.Name];

        public string? CompressedValue => _tail?.Name;

        public void Add(IReadOnlyDictionary<string, Tensor> before, IReadOnlyDictionary<string, Tensor> after, int samples)
        {
            var input = before[_pair.Original.Inputs[0]!.Name];
            AddInput(Part(input, samples), input.Shape);
            if (_tail is null) return;
            var (exact, found) = (before[_pair.Tail.Name], after[_tail.Name]);
            _sqnr.Add(Part(exact, samples), Part(found, samples));
            AddMeans(exact, Part(exact, samples), Part(found, samples));
        }

        private void AddInput(ReadOnlySpan<float> values, Shape shape)
        {
            var (channels, inner) = Channels(shape);
            if (_inputChannels.Length == 0) _inputChannels = new float[channels];
            float min = 0, max = 0;
            for (var i = 0; i < values.Length; i++)
            {
                (min, max) = (Math.Min(min, values[i]), Math.Max(max, values[i]));
                ref var largest = ref _inputChannels[i / inner % channels];
                largest = Math.Max(largest, Math.Abs(values[i]));
            }
            _input.Add(values, min, max);
            if (_rounding is null) return;
            // Half a step beyond the last integer still rounds to it.
            var slack = (_rounding.High - _rounding.Low) / ((1L << _rounding.Bits) - 1) / 2;
            foreach (var v in values)
                if (v < _rounding.Low - slack || v > _rounding.High + slack) _beyond++;
        }

        private void AddMeans(Tensor shaped, ReadOnlySpan<float> exact, ReadOnlySpan<float> found)
        {
            var (channels, inner) = Channels(shaped.Shape);
            if (_sum.Length == 0) (_sum, _squares, _difference) = (new double[channels], new double[channels], new double[channels]);
            for (var i = 0; i < exact.Length; i++)
            {
                var c = i / inner % channels;
                _sum[c] += exact[i];
                _squares[c] += (double)exact[i] * exact[i];
                _difference[c] += (double)found[i] - exact[i];
            }
            _perChannel += exact.Length / channels;
        }

        public LayerDiagnosis Result()
        {
            var stored = _pair.Compressed.Inputs[_pair.Axes.Input]!;
            var (bits, scales) = StoredAs(stored);
            var isPruned = !_pair.CanBePutBack || (stored.Data is { DType: DType.Float32 } sparse && sparse.ToSingle().Count(w => w == 0) > _pair.Weight.ToSingle().Count(w => w == 0) + _pair.Weight.Count / 20);
            return new LayerDiagnosis(_pair.Original.Name, _pair.Original.Op.Name, Form(bits, scales, isPruned))
            {
                Sqnr = _tail is null ? null : _sqnr.Decibels,
                InputMin = _input.Min,
                InputMax = _input.Max,
                Saturation = _rounding is null ? null : (double)_beyond / Math.Max(1, _input.Total),
                WastedBits = _rounding is null ? null : Math.Max(0, Math.Log2((_rounding.High - _rounding.Low) / Math.Max(1e-12, _input.Quantile(1 - Tail) - _input.Quantile(Tail)))),
                InputSpread = Spread(_inputChannels),
                ChannelSpread = Spread(_pair.Weight, _pair.Axes.OutputAxis),
                Shift = Shift(),
                WeightBits = bits,
                IsPerTensor = bits < 32 && scales == 1,
                IsPruned = isPruned,
            };
        }

        private string Form(int bits, int scales, bool isPruned)
        {
            var weight = bits == 32 ? "float" : $"int{bits} {(scales == 1 ? "per tensor" : "per channel")}";
            var input = _rounding is null ? "input float" : $"input int{_rounding.Bits}";
            return $"{weight}, {input}{(isPruned ? ", pruned" : "")}";
        }

        private static (int Bits, int Scales) StoredAs(Value weight) => weight.Producer switch
        {
            { Op: DequantizeLinear, Inputs: [{ Data: { } stored }, { Data: { } scale }, ..] } => (stored.DType.Bits(), scale.Count),
            { Op: FakeQuantize fake, Inputs: [_, { Data: { } scale }, ..] } => ((int)Math.Ceiling(Math.Log2((double)fake.QMax - fake.QMin + 1)), scale.Count),
            _ => (32, 1),
        };

        private double? Shift()
        {
            if (_tail is null || _perChannel == 0) return null;
            var total = 0.0;
            for (var c = 0; c < _sum.Length; c++)
            {
                var mean = _sum[c] / _perChannel;
                var variance = Math.Max(1e-12, _squares[c] / _perChannel - mean * mean);
                var moved = _difference[c] / _perChannel;
                total += moved * moved / variance;
            }
            return Math.Sqrt(total / _sum.Length);
        }

        private static double Spread(Tensor weight, int axis)
        {
            var (channels, inner) = (weight.Shape[axis], weight.Shape.CountOf(axis + 1, weight.Shape.Rank));
            var (values, largest) = (weight.ToSingle(), new float[channels]);
            for (var i = 0; i < values.Length; i++) largest[i / inner % channels] = Math.Max(largest[i / inner % channels], Math.Abs(values[i]));
            return Spread(largest);
        }

        // The largest over the median of those that are not dead.
        private static double Spread(float[] largest)
        {
            var sorted = largest.Where(v => v > 0).Order().ToArray();
            return sorted.Length == 0 ? 1 : sorted[^1] / sorted[(sorted.Length - 1) / 2];
        }

        // Convolutions have their channels on axis 1, dense layers on the last.
        private static (int Channels, int Inner) Channels(Shape shape)
        {
            var axis = shape.Rank == 4 ? 1 : shape.Rank - 1;
            return (shape[axis], shape.CountOf(axis + 1, shape.Rank));
        }

        private static ReadOnlySpan<float> Part(Tensor batch, int samples) => batch.Span<float>()[..(batch.Count / batch.Shape[0] * samples)];
    }
}
