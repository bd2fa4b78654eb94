using Nabi.Compression.Reports;
using Nabi.Compression.Search;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Tests.Search;

public sealed class BudgetSearchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nabi-search-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private BudgetOptions Options => new()
    {
        Folder = _folder,
        MaxDrop = 0.1,
        Time = TimeSpan.FromMinutes(5),
        KeepMacs = [0.7],
        MaxEpochs = 2,
        MaxCandidates = 1,
        Criteria = ["l1"],
        Factorizations = [],
        Multiple = 1,
        LatencyRuns = 3,
    };

    [Fact]
    public void The_result_is_smaller_within_the_drop_and_can_be_reported()
    {
        var result = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context, Options, new MemoryStore());
        Assert.True(result.IsBudgetMet, string.Join("; ", result.Failures));
        Assert.Superset(new HashSet<string> { "original", "int8", "keep70", "keep70-int8" }, result.Variants.Select(v => v.Name).ToHashSet());
        Assert.InRange(result.Recommended!.ValidationAccuracy, result.Baseline.ValidationAccuracy - 0.1, 1);
        Assert.True(result.Recommended.Bytes < result.Baseline.Bytes);
        Assert.True(result.Variants.First(v => v.Name == "keep70").Macs <= 0.7 * result.Baseline.Macs);
        Assert.Contains(result.Recommended, result.Pareto);
        Assert.Contains("quantize-int8", result.Variants.First(v => v.Name == "keep70-int8").Recipe, StringComparison.Ordinal);
        Assert.NotEmpty(result.Variants.First(v => v.Name == "keep70").Curves);

        var report = CompressionReport.Of(result, TinyNet.Context, 0.1);
        Assert.Contains(report.Layers, l => l is { Before: not null, After: not null } && l.After.Bytes < l.Before.Bytes);
        Assert.Equal(0, report.ConfusionDifference.Sum(r => r.Sum()));
        Assert.Equal(1, result.Baseline.Agreement);
    }

    [Fact]
    public void A_second_run_goes_on_where_the_first_was()
    {
        var store = new MemoryStore();
        var first = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context, Options, store);
        var written = store.Writes;
        var seen = new List<string>();
        var second = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context with { Progress = new Sink(p => seen.Add(p.What)) }, Options, store);
        Assert.Equal(written, store.Writes);
        Assert.DoesNotContain(seen, s => s.StartsWith("epoch", StringComparison.Ordinal));
        Assert.Equal(first.Variants.Select(v => (v.Name, v.Accuracy, v.Bytes, v.Sha256)), second.Variants.Select(v => (v.Name, v.Accuracy, v.Bytes, v.Sha256)));
    }

    [Fact]
    public void A_budget_out_of_reach_still_gives_the_front()
    {
        var result = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context with { Training = null }, Options with { MaxBytes = 1 }, new MemoryStore());
        Assert.False(result.IsBudgetMet);
        Assert.Equal("int8", result.Closest!.Name);
        Assert.NotEmpty(result.Pareto);
    }

    [Fact]
    public void Cancelled_in_the_middle_it_returns_what_is_finished()
    {
        using var source = new CancellationTokenSource();
        var context = TinyNet.Context with
        {
            Cancellation = source.Token,
            Progress = new Sink(p =>
            {
                if (p.What.StartsWith("epoch", StringComparison.Ordinal)) source.Cancel();
            }),
        };
        var result = BudgetSearch.Run(TinyNet.Trained, context, Options, new MemoryStore());
        Assert.True(result.WasCancelled);
        Assert.Equal(["original", "int8"], result.Variants.Select(v => v.Name));
        Assert.Equal("int8", result.Recommended!.Name);
    }

    [Fact]
    public void Without_time_there_is_still_int8()
    {
        var result = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context, Options with { Time = TimeSpan.FromMilliseconds(1) }, new MemoryStore());
        Assert.False(result.WasCancelled);
        Assert.Equal(["original", "int8"], result.Variants.Select(v => v.Name));
    }

    [Fact]
    public void A_candidate_that_fails_is_told_and_the_rest_kept()
    {
        var result = BudgetSearch.Run(TinyNet.Trained, TinyNet.Context, Options with { Criteria = ["nonsense"] }, new MemoryStore { FailOn = "keep70" });
        Assert.Contains(result.Failures, f => f.Contains("disk is full", StringComparison.Ordinal));
        Assert.True(result.IsBudgetMet);
        Assert.Contains("int8", result.Variants.Select(v => v.Name));
        Assert.DoesNotContain("keep70", result.Variants.Select(v => v.Name));
    }

    // Its middle layer has rank 3 and all of its channels: what it answers are the labels.
    [Fact]
    public void Ranks_are_lowered_where_channels_are_all_needed()
    {
        var (network, data) = LowRank();
        var context = new CompressionContext { Training = data, Validation = data, BatchSize = 32, Threads = 1, Seed = 1 };
        var result = BudgetSearch.Run(network, context, Options with { KeepMacs = [0.6], MaxDrop = 0.02, Factorizations = ["svd", "tucker2"] }, new MemoryStore());
        Assert.Superset(new HashSet<string> { "rank60", "rank60-int8" }, result.Variants.Select(v => v.Name).ToHashSet());
        Assert.InRange(result.Variants.First(v => v.Name == "rank60").Macs, 1, (long)(0.6 * result.Baseline.Macs));
        Assert.True(result.IsBudgetMet);
    }

    private static (Graph Network, DataSet Data) LowRank()
    {
        const int Size = 8, Width = 96, Rank = 3, Samples = 1000;
        var rng = new Rng(3);
        Tensor left = Gaussian(Width, Rank), right = Gaussian(Rank, Width), middle = Tensor.Zeros(DType.Float32, [Width, Width]);
        for (var i = 0; i < Width * Width; i++)
            for (var r = 0; r < Rank; r++) middle.Span<float>()[i] += left.Span<float>()[i / Width * Rank + r] * right.Span<float>()[r * Width + i % Width];
        var b = new GraphBuilder("low-rank");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, Size, Size]);
        var y = b.Relu(Dense(b.Flatten(x), Gaussian(Width, Size * Size), "first"));
        b.Output("scores", Dense(b.Relu(Dense(y, middle, "middle")), Gaussian(4, Width), "last"));
        var network = b.Build().WithMetadata(new Dictionary<string, string> { [MetadataKeys.Mean] = "0.5", [MetadataKeys.Std] = "0.3" });

        var pixels = new byte[Samples * Size * Size];
        foreach (ref var p in pixels.AsSpan()) p = (byte)rng.Next(256);
        var unlabelled = DataSet.Of("low-rank", [1, Size, Size], pixels, new int[Samples], ["0", "1", "2", "3"]);
        return (network, DataSet.Of("low-rank", [1, Size, Size], pixels, [.. Evaluator.Evaluate(network, unlabelled).Predictions], ["0", "1", "2", "3"]));

        Tensor Gaussian(int rows, int columns)
        {
            var tensor = Tensor.Empty(DType.Float32, [rows, columns]);
            foreach (ref var w in tensor.Span<float>()) w = (float)(rng.NextGaussian() / Math.Sqrt(columns));
            return tensor;
        }

        Value Dense(Value from, Tensor weight, string name) => b.Dense(from, b.Parameter($"{name}.w", weight), b.Parameter($"{name}.b", Tensor.Zeros(DType.Float32, [weight.Shape[0]])));
    }

    [Fact]
    public void A_recipe_is_measured_beside_the_original()
    {
        var result = RecipeRun.Run(TinyNet.Trained, Compression.Recipes.RecipeFile.Load("int8-ptq"), TinyNet.Context, Options, new MemoryStore());
        Assert.Equal(["original", "int8-ptq"], result.Variants.Select(v => v.Name));
        Assert.NotEmpty(result.Variants[1].Layers);
    }

    [Fact]
    public void Dominated_variants_are_not_on_the_front()
    {
        static Variant V(string name, double accuracy, long bytes, double ms) => new()
        {
            Name = name, Recipe = "", Path = "", Sha256 = "", ValidationAccuracy = accuracy, Accuracy = accuracy, Loss = 0, Agreement = 1, Confusion = [],
            Bytes = bytes, Macs = 1, Parameters = 1, P50Ms = ms, P95Ms = ms, Threads = 1,
        };
        Variant[] all = [V("a", 0.9, 100, 10), V("b", 0.9, 50, 10.2), V("c", 0.8, 50, 10), V("d", 0.7, 200, 5), V("e", 0.9, 50, 10.2)];
        Assert.Equal(["b", "d", "e"], ParetoFront.Of(all).Select(v => v.Name));
    }

    private sealed class Sink(Action<CompressionProgress> report) : IProgress<CompressionProgress>
    {
        public void Report(CompressionProgress value) => report(value);
    }

    /// <summary>Files hold the parameters' bytes; graphs stay in memory.</summary>
    private sealed class MemoryStore : IModelStore
    {
        private readonly Dictionary<string, Graph> _graphs = [];

        public int Writes { get; private set; }

        public string? FailOn { get; init; }

        public StoredModel Write(Graph graph, string folder, string name)
        {
            if (name == FailOn) throw new NabiException("the disk is full");
            var path = Path.Combine(folder, name + ".bin");
            File.WriteAllBytes(path, [.. graph.Parameters.SelectMany(p => p.Data!.Bytes.ToArray())]);
            _graphs[path] = graph;
            Writes++;
            return new StoredModel(path, new FileInfo(path).Length);
        }

        public Graph Read(string path) => _graphs[path];
    }
}
