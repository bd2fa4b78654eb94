namespace Nabi.Compression.Pruning;

/// <summary>
/// Blocks of a weight matrix that are zero as a whole; 1 x 1 is any weight. The matrix has a row per output and a column per input and tap, [out, in kh kw]; a block is so many
/// outputs that follow each other by so many columns that do, which is what a sparse kernel loads at once. Blocks at the edges are smaller. A block scores the mean of
/// its weights' scores: with magnitude its L1 norm.
/// </summary>
internal sealed record BlockPattern(int Rows, int Columns) : WeightPattern
{
    /// <inheritdoc/>
    public override bool Fits(WeightAxes axes, Shape shape) => true;

    /// <inheritdoc/>
    public override void Prune(IReadOnlyList<ScoredWeight> layers, double sparsity, string scope)
    {
        var blocks = layers.Select(l => Blocks.Of(l, Rows, Columns)).ToArray();
        if (scope == WeightScope.Deviation)
            foreach (var layer in blocks) layer.Normalize();
        foreach (var pool in scope == WeightScope.Layer ? blocks.Select(b => new[] { b }) : [blocks]) Prune(pool, sparsity);
    }

    private static void Prune(Blocks[] pool, double sparsity)
    {
        var missing = (long)Math.Round(sparsity * pool.Sum(b => (long)b.Count)) - pool.Sum(b => (long)b.Zeros);
        if (missing <= 0) return;
        var (scores, places) = (new List<float>(), new List<(int Layer, int Block)>());
        for (var layer = 0; layer < pool.Length; layer++)
        {
            for (var block = 0; block < pool[layer].Scores.Length; block++)
            {
                if (pool[layer].Living[block] == 0) continue;
                scores.Add(pool[layer].Scores[block]);
                places.Add((layer, block));
            }
        }
        var (keys, order) = (scores.ToArray(), places.ToArray());
        Array.Sort(keys, order);
        for (var i = 0; i < order.Length && missing > 0 && !float.IsPositiveInfinity(keys[i]); i++)
        {
            var (layer, block) = order[i];
            missing -= pool[layer].Living[block];
            pool[layer].Drop(block);
        }
        foreach (var layer in pool) layer.Write();
    }

    /// <summary>The blocks of one weight.</summary>
    private sealed class Blocks
    {
        private readonly ScoredWeight _weight;
        private readonly int _rows, _columns, _across;

        private Blocks(ScoredWeight weight, int rows, int columns)
        {
            var shape = weight.Weights.Shape;
            (_weight, _rows, _columns) = (weight, rows, columns);
            (Count, Stride, Outputs) = (shape.Count, shape.Strides()[weight.Axes.OutputAxis], shape[weight.Axes.OutputAxis]);
            _across = (Count / Outputs + columns - 1) / columns;
            var blocks = (Outputs + rows - 1) / rows * _across;
            (Scores, Living) = (new float[blocks], new int[blocks]);
        }

        public int Count { get; }

        public int Zeros { get; private set; }

        public float[] Scores { get; }

        /// <summary>How many of each block's weights are not zero; 0 marks a block that goes or is gone.</summary>
        public int[] Living { get; }

        private int Stride { get; }

        private int Outputs { get; }

        public static Blocks Of(ScoredWeight weight, int rows, int columns)
        {
            var blocks = new Blocks(weight, rows, columns);
            var sizes = new int[blocks.Living.Length];
            var sums = new double[sizes.Length];
            var w = weight.Weights.Span<float>();
            for (var i = 0; i < w.Length; i++)
            {
                var block = blocks.BlockOf(i);
                sizes[block]++;
                if (w[i] == 0) continue;
                blocks.Living[block]++;
                sums[block] += weight.Scores[i];
            }
            for (var block = 0; block < sizes.Length; block++)
            {
                blocks.Scores[block] = (float)(sums[block] / sizes[block]);
                blocks.Zeros += sizes[block] - blocks.Living[block];
            }
            return blocks;
        }

        public void Normalize()
        {
            var squares = 0.0;
            foreach (var score in Scores)
                if (float.IsFinite(score)) squares += (double)score * score;
            if (squares == 0) return;
            var scale = Math.Sqrt(Scores.Length / squares);
            for (var i = 0; i < Scores.Length; i++) Scores[i] = (float)(Scores[i] * scale);
        }

        public void Drop(int block) => Living[block] = 0;

        public void Write()
        {
            var w = _weight.Weights.Span<float>();
            for (var i = 0; i < w.Length; i++)
                if (Living[BlockOf(i)] == 0) w[i] = 0;
        }

        private int BlockOf(int i)
        {
            var (output, column) = (i / Stride % Outputs, i / (Stride * Outputs) * Stride + i % Stride);
            return output / _rows * _across + column / _columns;
        }
    }
}
