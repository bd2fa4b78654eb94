namespace Nabi.Runtime.Kernels;

/// <summary>
/// Every pixel of a channels-last image as a weighted sum of pixels of another: interpolation, and its transpose. A sparse matrix, the same for all images and channels.
/// </summary>
internal sealed unsafe class PixelBlend
{
    private readonly int[] _starts;
    private readonly int[] _places;
    private readonly float[] _weights;
    private readonly int _sources;

    /// <summary>Keeps the matrix.</summary>
    /// <param name="sources">Pixels of an image that is read.</param>
    /// <param name="targets">For each pixel of an image that is written, which pixels are read and their weights.</param>
    public PixelBlend(int sources, IReadOnlyList<List<(int Place, float Weight)>> targets)
    {
        _sources = sources;
        _starts = GC.AllocateUninitializedArray<int>(targets.Count + 1, pinned: true);
        var count = _starts[0] = 0;
        for (var i = 0; i < targets.Count; i++) _starts[i + 1] = count += targets[i].Count;
        _places = GC.AllocateUninitializedArray<int>(count + 1, pinned: true);
        _weights = GC.AllocateUninitializedArray<float>(count + 1, pinned: true);
        for (var i = 0; i < targets.Count; i++)
            for (var j = 0; j < targets[i].Count; j++) (_places[_starts[i] + j], _weights[_starts[i] + j]) = targets[i][j];
    }

    /// <summary>Blends.</summary>
    /// <param name="pool">Shares the pixels.</param>
    /// <param name="images">Images.</param>
    /// <param name="channels">Channels of both.</param>
    /// <param name="source">[images, sources, channels].</param>
    /// <param name="target">[images, targets, channels]; must not overlap the source.</param>
    public void Run(WorkPool pool, int images, int channels, float* source, float* target)
    {
        fixed (int* starts = _starts, places = _places)
        fixed (float* weights = _weights)
        {
            var kernel = new Kernel { Images = images, Sources = _sources, Targets = _starts.Length - 1, Channels = channels, Starts = starts, Places = places, Weights = weights };
            (kernel.Source, kernel.Target) = ((nint)source, (nint)target);
            pool.Run(ref kernel, (long)images * _places.Length * channels);
        }
    }

    private struct Kernel : IKernel
    {
        public int Images;
        public int Sources;
        public int Targets;
        public int Channels;
        public int* Starts;
        public int* Places;
        public float* Weights;
        public nint Source;
        public nint Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Images * Targets, worker, workers);
            for (var pixel = first; pixel < last; pixel++)
            {
                var (image, at) = Math.DivRem(pixel, Targets);
                var from = (float*)Source + ((long)image * Sources * Channels);
                var to = (float*)Target + ((long)pixel * Channels);
                for (var c = 0; c < Channels; c += L.Count)
                {
                    V sum = L.Fill(0f);
                    for (var tap = Starts[at]; tap < Starts[at + 1]; tap++)
                        sum = L.MultiplyAdd(L.Fill(Weights[tap]), Simd.Load<L, V>(from + ((long)Places[tap] * Channels) + c, Channels - c), sum);
                    Simd.Store<L, V>(sum, to + c, Channels - c);
                }
            }
        }
    }
}
