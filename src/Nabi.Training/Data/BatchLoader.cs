using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Training.Data;

/// <summary>
/// Makes batches on a thread of its own while the caller works on the batch before: two batches exist and are used in turn, so that nothing is
/// allocated per batch. What an epoch holds depends only on the data, the seed and the epoch's number.
/// </summary>
public sealed class BatchLoader
{
    private readonly SampleReader _reader;
    private readonly Batch[] _batches;
    private readonly int[] _order;
    private readonly AugmentedImage? _image;
    private readonly float[] _sample;
    private readonly Tensor? _unmixed;
    private readonly Rng _rng = new(0);
    private bool _isRunning;

    /// <summary>A loader over a data set.</summary>
    /// <exception cref="NabiException">The options do not fit the data.</exception>
    public BatchLoader(DataSet data, BatchOptions options)
    {
        (Data, Options) = (data, options);
        if (options.BatchSize is < 1 or > 65536) throw new NabiException($"A batch of {options.BatchSize} samples is not possible; use 1 to 65536.");
        if (options.DropLast && data.Count < options.BatchSize)
            throw new NabiException($"Data set '{data.Name}' has {data.Count} samples, fewer than one batch of {options.BatchSize}; use smaller batches.");
        var shape = options.SampleShape ?? data.SampleShape;
        if (shape.Count != data.SampleSize) throw new NabiException($"Samples of '{data.Name}' have shape {data.SampleShape}, which does not become {shape}.");
        if (!options.Augmentations.IsEmpty && !data.IsImages) throw new NabiException($"Data set '{data.Name}' holds no images, so that {options.Augmentations[0]} cannot be applied.");
        if (options.Mixup is { Alpha: not > 0 }) throw new NabiException($"Mixup needs an alpha above 0, not {options.Mixup.Alpha}.");
        Normalization = options.Normalization ?? Normalization.Of(data);
        _reader = new SampleReader(data, Normalization);
        _batches = [new Batch(options.BatchSize, shape, data.ClassNames.Count), new Batch(options.BatchSize, shape, data.ClassNames.Count)];
        _order = Enumerable.Range(0, data.Count).ToArray();
        _image = data.IsImages && !options.Augmentations.IsEmpty ? new AugmentedImage(data.SampleShape, _reader.Black, _reader.White) : null;
        _sample = new float[data.SampleSize];
        _unmixed = options.Mixup is null ? null : Tensor.Zeros(DType.Float32, _batches[0].Inputs.Shape);
    }

    /// <summary>The data set.</summary>
    public DataSet Data { get; }

    /// <summary>The options.</summary>
    public BatchOptions Options { get; }

    /// <summary>What is done to the values.</summary>
    public Normalization Normalization { get; }

    /// <summary>Batches in an epoch.</summary>
    public int Steps => Options.DropLast ? Data.Count / Options.BatchSize : (Data.Count + Options.BatchSize - 1) / Options.BatchSize;

    /// <summary>The batches of one epoch, in order. One epoch at a time; each batch is valid until the next.</summary>
    /// <param name="epoch">Which epoch, from 0: it decides order and augmentation.</param>
    /// <param name="firstStep">The first batch wanted: an interrupted epoch goes on where it was.</param>
    public IEnumerable<Batch> Epoch(int epoch, int firstStep = 0)
    {
        if (_isRunning) throw new InvalidOperationException("An epoch of this loader is already being read.");
        _isRunning = true;
        using var free = new SemaphoreSlim(_batches.Length);
        using var filled = new SemaphoreSlim(0);
        var isCancelled = false;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(Produce) { IsBackground = true, Name = "nabi batches" };
        thread.Start();
        try
        {
            for (var step = firstStep; step < Steps; step++)
            {
                filled.Wait();
                failure?.Throw();
                yield return _batches[step % _batches.Length];
                free.Release();
            }
        }
        finally
        {
            Volatile.Write(ref isCancelled, true);
            free.Release();
            thread.Join();
            _isRunning = false;
        }

        void Produce()
        {
            try
            {
                Order(epoch);
                for (var step = firstStep; step < Steps; step++)
                {
                    free.Wait();
                    if (Volatile.Read(ref isCancelled)) return;
                    Fill(_batches[step % _batches.Length], epoch, step);
                    filled.Release();
                }
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
                filled.Release();
            }
        }
    }

    private void Order(int epoch)
    {
        for (var i = 0; i < _order.Length; i++) _order[i] = i;
        if (!Options.Shuffle) return;
        _rng.Restart(Stream(epoch, -1));
        _rng.Shuffle(_order.AsSpan());
    }

    private void Fill(Batch batch, int epoch, int step)
    {
        var first = step * Options.BatchSize;
        (batch.Step, batch.Count) = (step, Math.Min(Options.BatchSize, Data.Count - first));
        var inputs = batch.Inputs.Span<float>();
        var targets = batch.Targets.Span<float>();
        targets.Clear();
        for (var i = 0; i < Options.BatchSize; i++)
        {
            var index = _order[Math.Min(first + i, Data.Count - 1)];
            batch.Indices[i] = index;
            batch.Labels[i] = Data.Label(index);
            targets[i * Data.ClassNames.Count + batch.Labels[i]] = 1;
            Write(index, epoch, inputs.Slice(i * Data.SampleSize, Data.SampleSize));
        }
        if (Options.Mixup is { } mixup) Mix(mixup, batch, epoch, step);
    }

    private void Write(int index, int epoch, Span<float> to)
    {
        var pixels = _image is null ? (Options.ChannelsLast ? _sample : to) : _image.Pixels;
        _reader.Read(index, pixels);
        if (_image is not null)
        {
            _rng.Restart(Stream(epoch, index));
            foreach (var augmentation in Options.Augmentations.Span) augmentation.Apply(_image, _rng);
            pixels = _image.Pixels;
        }
        if (Options.ChannelsLast) SampleReader.ToChannelsLast(pixels, to, Data.Channels);
        else if (_image is not null) pixels.CopyTo(to);
    }

    private void Mix(Mixup mixup, Batch batch, int epoch, int step)
    {
        _rng.Restart(Stream(epoch, -2 - step));
        // The larger share belongs to the sample at its place: lambda and 1 - lambda are equally likely.
        var share = mixup.Draw(_rng);
        share = Math.Max(share, 1 - share);
        // A random rotation pairs every sample with another one.
        var by = Options.BatchSize > 1 ? 1 + _rng.Next(Options.BatchSize - 1) : 0;
        var (size, classes) = (Data.SampleSize, Data.ClassNames.Count);
        var targets = batch.Targets.Span<float>();
        batch.Inputs.Memory.CopyTo(_unmixed!.Memory);
        var from = _unmixed.Span<float>();
        var to = batch.Inputs.Span<float>();
        targets.Clear();
        for (var i = 0; i < Options.BatchSize; i++)
        {
            var other = (i + by) % Options.BatchSize;
            var mixed = to.Slice(i * size, size);
            TensorPrimitives.Multiply(from.Slice(i * size, size), (float)share, mixed);
            TensorPrimitives.MultiplyAdd(from.Slice(other * size, size), (float)(1 - share), mixed, mixed);
            targets[i * classes + batch.Labels[i]] += (float)share;
            targets[i * classes + batch.Labels[other]] += (float)(1 - share);
        }
    }

    // One seed for every purpose: the epoch and a sample (0 and up), the order (-1) or a batch's mixing (below).
    private ulong Stream(int epoch, long purpose)
    {
        var mix = Options.Seed + 0x9E3779B97F4A7C15UL * (ulong)(epoch + 1);
        mix = (mix ^ (mix >> 32)) * 0xD6E8FEB86659FD93UL;
        mix += 0xA0761D6478BD642FUL * (ulong)(purpose + (1L << 32));
        return (mix ^ (mix >> 29)) * 0xBF58476D1CE4E5B9UL;
    }
}
