namespace Nabi.Runtime.Kernels;

/// <summary>Another name of <see cref="WorkPool.ShareLines"/>.</summary>
internal static class StridedWalk
{
    public static (long Start, long End) Share(long count, int worker, int workers) => WorkPool.ShareLines(count, worker, workers);
}
