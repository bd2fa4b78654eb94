using System.Text;
using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Tests.Recipes;

public class RecipeTests
{
    [Fact]
    public void Shipped_recipes_can_be_read()
    {
        Assert.Superset(new HashSet<string>(["default", "int8-ptq", "int8-qat", "slim"]), RecipeFile.Shipped.ToHashSet());
        Assert.All(RecipeFile.Shipped, name => Assert.Equal(name, RecipeFile.Load(name).Name));
    }

    [Fact]
    public void Yaml_and_code_say_the_same()
    {
        var code = Recipe.Create("mine", "Small: \"and\" fast.")
            .PruneChannels(s => s with { Criterion = "fpgm", KeepMacs = 0.4 })
            .FineTune(s => s with { Epochs = 2, Rate = 0.02 })
            .QuantizeInt8(s => s with { Keep = ["first", "a b"] });
        var read = RecipeFile.Parse(code.ToString(), "mine.yaml");
        Assert.Equal(code.Description, read.Description);
        Assert.Equal(code.Steps, read.Steps);
    }

    [Theory]
    [InlineData("steps:\n  - prune-channels: { kep-macs: 0.5 }", "line 2", "no setting 'kep-macs'", "keep-macs")]
    [InlineData("steps:\n  - prune-chanels", "line 2", "no step 'prune-chanels'", "quantize-int8")]
    [InlineData("stepz: []", "line 1", "no entry 'stepz'", "steps")]
    [InlineData("steps:\n  - fine-tune: { epochs: many }", "line 2", "epochs", "a whole number")]
    [InlineData("steps:\n  - fine-tune: { epochs: 0 }", "line 2", "epochs is 0", "1 to")]
    [InlineData("steps:\n  - quantize-int8: { observer: x }", "line 2", "no observer 'x'", "percentile")]
    [InlineData("name: x", "line 1", "no steps", "")]
    [InlineData("steps: [", "line", "not YAML", "")]
    [InlineData("steps: [[[[[[[[[[[[a]]]]]]]]]]]]", "line 1", "nested", "")]
    [InlineData("a: &x 1\nsteps: *x", "line 2", "aliases", "")]
    public void Faults_are_told_with_line_and_mend(string yaml, params string[] parts)
    {
        var error = Assert.Throws<NabiException>(() => RecipeFile.Parse(yaml, "r.yaml"));
        Assert.Contains("'r.yaml'", error.Message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Damaged_recipes_fail_with_a_sentence()
    {
        var rng = new Rng(7);
        const string marks = "{}[]:,-&*!|>'\"%@#? \n\t\0\uFFFF9e.";
        foreach (var name in RecipeFile.Shipped)
        {
            var sound = RecipeFile.Load(name).ToString();
            for (var i = 0; i < 300; i++)
            {
                var text = new StringBuilder(sound);
                for (var edits = 1 + rng.Next(4); edits > 0; edits--)
                {
                    var at = rng.Next(text.Length);
                    if (rng.Next(3) == 0) text.Remove(at, Math.Min(text.Length - at - 1, 1 + rng.Next(8)));
                    else text.Insert(at, marks[rng.Next(marks.Length)]);
                }
                try
                {
                    RecipeFile.Parse(text.ToString(), "mutant.yaml");
                }
                catch (NabiException e)
                {
                    Assert.Contains("mutant", e.Message, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public void An_unknown_recipe_names_those_there_are() =>
        Assert.Contains("int8-ptq", Assert.Throws<NabiException>(() => RecipeFile.Load("nothing")).Message, StringComparison.Ordinal);

    [Fact]
    public void Running_leaves_a_trail_and_tells_progress()
    {
        var seen = new List<CompressionProgress>();
        var context = TinyNet.Context with { Teacher = TinyNet.Trained, Progress = new Sink(seen) };
        var result = Recipe.Create("r").PruneChannels(s => s with { KeepMacs = 0.7 }).FineTune(s => s with { Epochs = 3, Rate = 0.05 }).QuantizeInt8().Run(TinyNet.Trained, context);
        Assert.Contains("prune-channels: { keep-macs: 0.7 }", result.Metadata[MetadataKeys.Provenance], StringComparison.Ordinal);
        Assert.EndsWith("quantize-int8", result.Metadata[MetadataKeys.Provenance], StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], seen.Select(p => p.Step).Distinct());
        Assert.InRange(TinyNet.Accuracy(result), TinyNet.Accuracy(TinyNet.Trained) - 0.15, 1);
    }

    [Fact]
    public void A_step_without_data_says_so()
    {
        var error = Assert.Throws<NabiException>(() => Recipe.Create("r").FineTune().Run(TinyNet.Trained, TinyNet.Context with { Training = null }));
        Assert.Equal("Recipe 'r', step 1 (fine-tune): this step trains, but no training data was given; name a data set with --data", error.Message);
    }

    [Fact]
    public void Cancellation_ends_a_recipe()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => Recipe.Create("r").QuantizeInt8().Run(TinyNet.Trained, TinyNet.Context with { Cancellation = source.Token }));
    }

    private sealed class Sink(List<CompressionProgress> seen) : IProgress<CompressionProgress>
    {
        public void Report(CompressionProgress value) => seen.Add(value);
    }
}
