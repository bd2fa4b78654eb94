using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class WorkPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void EveryWorkerRunsOncePerDispatch(int workers)
    {
        using var pool = new WorkPool(workers);
        var counts = stackalloc int[workers];
        for (var i = 0; i < 200; i++)
        {
            if (i % 50 == 0)
                Thread.Sleep(2);   // long enough for the others to block
            pool.Run(&Count, counts);
        }
        for (var w = 0; w < workers; w++)
            Assert.Equal(200, counts[w]);
    }

    [Fact]
    public void SharesCoverEverythingOnce()
    {
        for (var workers = 1; workers < 6; workers++)
        {
            for (var total = 0; total < 20; total++)
            {
                var next = 0;
                for (var w = 0; w < workers; w++)
                {
                    var (start, end) = WorkPool.Share(total, w, workers);
                    Assert.Equal(next, start);
                    next = end;
                }
                Assert.Equal(total, next);
            }
        }
    }

    [Fact]
    public void FailureOfAnyWorkerReachesTheCallerAndThePoolLives()
    {
        using var pool = new WorkPool(3);
        Assert.Throws<InvalidOperationException>(() => pool.Run(&Fail, null));
        var counts = stackalloc int[3];
        pool.Run(&Count, counts);
        Assert.Equal(1, counts[2]);
    }

    [Fact]
    public void DispatchAllocatesNothing()
    {
        using var pool = new WorkPool(2);
        var counts = stackalloc int[2];
        pool.Run(&Count, counts);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            pool.Run(&Count, counts);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void RefusesWorkAfterDisposal()
    {
        var pool = new WorkPool(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(&Fail, null));
    }

    private static void Count(void* state, int worker, int workers) => ((int*)state)[worker]++;

    private static void Fail(void* state, int worker, int workers)
    {
        if (worker == workers - 1)
            throw new InvalidOperationException("worker failed");
    }
}
