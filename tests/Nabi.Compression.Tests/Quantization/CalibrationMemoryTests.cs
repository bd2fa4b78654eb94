using Nabi.Compression.Quantization;

namespace Nabi.Compression.Tests.Quantization;

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MeasuredAlone
{
    public const string Name = "measured alone";
}

// The memory of the process is measured: no other test may run beside these.
[Collection(MeasuredAlone.Name)]
public class CalibrationMemoryTests
{
    public static TheoryData<string> Observers => [.. Observer.Names];

    // A hundred times the samples: what an observer keeps does not grow, and taking in a batch allocates nothing for it.
    [Theory]
    [MemberData(nameof(Observers))]
    public void Observers_keep_no_samples(string name)
    {
        var (observer, rng) = (Observer.Create(name), new Rng(3));
        var values = new float[4096];
        void Observe()
        {
            for (var i = 0; i < values.Length; i++) values[i] = (float)rng.NextGaussian();
            observer.Observe(values);
        }
        for (var i = 0; i < 5; i++) Observe();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 500; i++) Observe();
        // What the runtime allocates for itself is some kilobytes; the samples are 8 MB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.True(observer.Range.Max > 1);
    }

    // The whole of calibration: what is alive while the last batches are observed is what was alive in the first.
    [Theory]
    [MemberData(nameof(Observers))]
    public void Calibration_holds_one_batch(string observer)
    {
        const int Samples = 2000;
        var data = TinyNet.Data.Train;
        var repeated = data.Subset([.. Enumerable.Range(0, Samples).Select(i => i % data.Count)]);
        var alive = new List<long>();
        var context = TinyNet.Context with { Calibration = repeated, BatchSize = 20, Progress = new Watch(alive) };
        QuantizationPreparation.Of(TinyNet.Trained, new() { Observer = observer, Samples = Samples }, context);
        Assert.Equal(100, alive.Count);
        // Keeping what was seen would be 100 batches of activations, some 20 MB.
        var (first, last) = (alive.Take(20).Min(), alive.Skip(80).Min());
        Assert.True(last < first + (4 << 20), $"{first} bytes alive in the first batches, {last} in the last");
    }

    private sealed class Watch(List<long> alive) : IProgress<CompressionProgress>
    {
        public void Report(CompressionProgress value)
        {
            if (value.What == "observing activations") alive.Add(GC.GetTotalMemory(forceFullCollection: true));
        }
    }
}
