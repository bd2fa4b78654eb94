namespace Nabi.Ops;

/// <summary>An operator that slides a window over [N, C, spatial] and makes one number of each window of each channel.</summary>
public abstract record PoolingOp : Op
{
    /// <summary>The sliding window, with its kernel's size.</summary>
    public Window Window { get; init; } = new();

    /// <summary>Round output sizes up, so that the last window may reach behind the padding? Default false.</summary>
    public bool CeilMode { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(0).DType, Pooled(x.RequireRank(0, 3)));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(Resolve(x.Input(0)).TapCount);

    /// <summary>The window for an input of this shape.</summary>
    public ResolvedWindow Resolve(Shape data) => Window.Resolve(data.Dims[2..], ceil: CeilMode);

    /// <summary>The output's shape for an input of this shape.</summary>
    protected Shape Pooled(Shape data) => Convolution.Joined(data[0], data[1], Resolve(data).Output);

    /// <summary>Folds the taps of every window that lie inside the input, in double precision.</summary>
    /// <param name="data">The input.</param>
    /// <param name="fold">From the elements of a window, and how many taps lie in input or padding, to the output.</param>
    protected Tensor Pool(Tensor data, PoolingFold fold)
    {
        var window = Resolve(data.Shape);
        var (taps, tapCount, windows) = (window.Taps(), window.TapCount, window.OutputCount);
        var result = Tensor.Empty(DType.Float64, Pooled(data.Shape));
        var values = data.Cast(DType.Float64);
        var buffer = new double[tapCount];
        for (var i = 0; i < result.Count; i++)
        {
            var plane = values.Span<double>().Slice(i / windows * window.InputCount, window.InputCount);
            var (inside, reached) = (0, 0);
            foreach (var at in taps.AsSpan(i % windows * tapCount, tapCount))
            {
                if (at >= 0) buffer[inside++] = plane[at];
                if (at != ResolvedWindow.Outside) reached++;
            }
            result.Span<double>()[i] = fold(buffer.AsSpan(0, inside), reached);
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.Tie(c.Input(0), 0, c.Output(), 0);
        c.Tie(c.Input(0), 1, c.Output(), 1);
    }
}

/// <summary>Folds the elements of one window; <paramref name="reached"/> counts its taps in the input and the padding.</summary>
public delegate double PoolingFold(ReadOnlySpan<double> elements, int reached);
