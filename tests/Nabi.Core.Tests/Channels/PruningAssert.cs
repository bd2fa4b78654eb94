namespace Nabi.Core.Tests.Channels;

internal static class PruningAssert
{
    // Every group loses half of its channels at random, one group at a time and all together.
    public static void PrunedEqualsMasked(Graph graph, ChannelGroups groups)
    {
        var rng = new Rng(7);
        var input = graph.Inputs[0].Shape.With(0, 2);
        var x = Tensor.Of(input, (ReadOnlySpan<float>)[.. Enumerable.Range(0, input.Count).Select(_ => (float)rng.NextGaussian())]);
        var all = new Dictionary<int, IReadOnlyCollection<int>>();
        foreach (var group in groups)
        {
            var order = Enumerable.Range(0, group.Count).ToArray();
            rng.Shuffle<int>(order);
            all[group.Index] = order[..Math.Max(1, group.Count / 2)];
            Check(new Dictionary<int, IReadOnlyCollection<int>> { [group.Index] = all[group.Index] });
        }
        Check(all);

        void Check(Dictionary<int, IReadOnlyCollection<int>> removed)
        {
            var pruned = groups.Prune(removed);
            Assert.True(pruned.ParameterCount < graph.ParameterCount);
            var feed = new Dictionary<string, Tensor> { ["x"] = x };
            var expected = ReferenceEvaluator.Run(groups.Mask(removed), feed)["y"].ToSingle();
            var actual = ReferenceEvaluator.Run(pruned, feed)["y"].ToSingle();
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        }
    }
}
