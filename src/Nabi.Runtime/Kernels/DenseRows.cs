namespace Nabi.Runtime.Kernels;

/// <summary>The rows of a matrix, or the pixels of an image under a 1 x 1 kernel of stride 1.</summary>
internal readonly unsafe struct DenseRows(float* source, long stride, int rows, int depth) : IRowSource
{
    public int Rows => rows;

    public int Depth => depth;

    public int MaxTaps => 1;

    public int BlockEnd(int start) => Math.Min(depth, start + TileLoop.DepthBlock);

    public void Inputs(int row, int count, int tileRows, int start, int end, float** inputs, long* numbers, out int taps, out int tapDepth)
    {
        taps = 1;
        tapDepth = end - start;
        for (var i = 0; i < tileRows; i++)
            inputs[i] = source + ((row + Math.Min(i, count - 1)) * stride) + start;
        for (var i = 0; i < count; i++)
            numbers[i] = row + i;
    }

    public int Strip(int row, int tileRows, int most, int start, int end, out nint step)
    {
        step = (nint)(tileRows * stride);
        return Math.Min(most, (rows - row) / tileRows);
    }
}
