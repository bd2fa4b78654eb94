using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A fixed team of threads that runs one piece of work at a time, split statically.</summary>
/// <remarks>
/// <para>The calling thread is worker 0. Who waits, the others for work or the caller for them, spins for a bounded time and then blocks: a run of many
/// small kernels costs no system calls, an idle session costs no processor time, and where two of the team meet on one processor, the one that waits
/// makes way for the one that works. Dispatching allocates nothing.</para>
/// <para>Which worker does which part depends only on the sizes and on <see cref="Workers"/>: the same number of threads gives the same bits.</para>
/// <para>One dispatch at a time: a session owns its pool, or callers take turns (a second caller waits).</para>
/// </remarks>
public sealed unsafe class WorkPool : IDisposable
{
    /// <summary>The largest team allowed.</summary>
    public const int MaxWorkers = 256;

    private static readonly long SpinTicks = Stopwatch.Frequency / 5_000;   // 200 microseconds

    private readonly Thread[] threads;
    private readonly Lock dispatch = new();
    private readonly object gate = new();
    private volatile int generation;
    private volatile int running;
    private int sleepers;
    private int callerSleeps;
    private volatile bool stopped;
    private delegate*<void*, int, int, void> body;
    private void* state;
    private Exception? failure;

    /// <summary>Starts a team.</summary>
    /// <param name="workers">Workers including the caller, 1 to <see cref="MaxWorkers"/>; 1 starts no thread.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is outside the range.</exception>
    public WorkPool(int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(workers, MaxWorkers);
        Workers = workers;
        threads = new Thread[workers - 1];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work) { IsBackground = true, Name = $"Nabi worker {i + 1}" };
            threads[i].Start(i + 1);
        }
    }

    /// <summary>Members of the team, the caller included.</summary>
    public int Workers { get; }

    /// <summary>The half-open part [Start, End) of <paramref name="total"/> items that belongs to one worker.</summary>
    /// <param name="total">Number of items, 0 or more.</param>
    /// <param name="worker">0 to <paramref name="workers"/> - 1.</param>
    /// <param name="workers">Size of the team.</param>
    public static (int Start, int End) Share(int total, int worker, int workers) =>
        ((int)((long)total * worker / workers), (int)((long)total * (worker + 1) / workers));

    /// <summary>The half-open part of <paramref name="count"/> elements that belongs to one worker, on boundaries of 16 so that workers share no line.</summary>
    internal static (long Start, long End) ShareLines(long count, int worker, int workers)
    {
        var lines = (count + 15) / 16;
        return (Math.Min(count, lines * worker / workers * 16), Math.Min(count, lines * (worker + 1) / workers * 16));
    }

    /// <summary>Runs <paramref name="work"/> once on every worker as (state, worker, workers) and returns when all are done.</summary>
    /// <param name="work">The work; takes its state, its worker number and the team size.</param>
    /// <param name="workState">Passed through; may live on the caller's stack.</param>
    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    /// <remarks>An exception in any worker is thrown again here after all have finished. Work must not dispatch on the same pool.</remarks>
    public void Run(delegate*<void*, int, int, void> work, void* workState)
    {
        ObjectDisposedException.ThrowIf(stopped, this);
        if (threads.Length == 0)
        {
            work(workState, 0, 1);
            return;
        }
        lock (dispatch)
        {
            body = work;
            state = workState;
            running = threads.Length;
            Interlocked.Increment(ref generation);
            if (Volatile.Read(ref sleepers) > 0)
                lock (gate)
                    Monitor.PulseAll(gate);
            Invoke(0);
            AwaitWorkers();
            if (Interlocked.Exchange(ref failure, null) is { } error)
                ExceptionDispatchInfo.Throw(error);
        }
    }

    /// <summary>Runs every worker's share of a kernel.</summary>
    /// <param name="kernel">The kernel with its arguments.</param>
    /// <param name="work">Rough number of multiply-adds or element visits; below a threshold one worker does all.</param>
    internal void Run<TKernel>(ref TKernel kernel, long work)
        where TKernel : unmanaged, IKernel
    {
        if (threads.Length == 0 || work < SmallestSharedWork)
        {
            Simd.Run(ref kernel, 0, 1);
            return;
        }
        fixed (TKernel* pointer = &kernel)
            Run(&RunKernel<TKernel>, pointer);
    }

    /// <summary>Work below this is not worth waking a second thread for.</summary>
    private const long SmallestSharedWork = 1 << 14;

    /// <summary>Stops the threads. Safe to call twice.</summary>
    public void Dispose()
    {
        if (stopped)
            return;
        lock (gate)
        {
            stopped = true;
            Monitor.PulseAll(gate);
        }
        foreach (var thread in threads)
            thread.Join();
    }

    private static void RunKernel<TKernel>(void* kernel, int worker, int workers)
        where TKernel : unmanaged, IKernel => Simd.Run(ref *(TKernel*)kernel, worker, workers);

    private void Invoke(int worker)
    {
        try
        {
            body(state, worker, Workers);
        }
        catch (Exception error)   // every failure is carried to the caller
        {
            Interlocked.CompareExchange(ref failure, error, null);
        }
    }

    /// <summary>Waits until all workers are done.</summary>
    private void AwaitWorkers()
    {
        var until = Stopwatch.GetTimestamp() + SpinTicks;
        while (running != 0 && Stopwatch.GetTimestamp() < until)
            Thread.SpinWait(20);
        if (running == 0)
            return;
        lock (gate)
        {
            Interlocked.Exchange(ref callerSleeps, 1);   // seen by whoever makes running 0 after the next look at it
            while (running != 0)
                Monitor.Wait(gate);
            callerSleeps = 0;
        }
    }

    private void Work(object? number)
    {
        var worker = (int)number!;
        var seen = 0;
        while (WaitForWork(seen))
        {
            seen++;
            Invoke(worker);
            if (Interlocked.Decrement(ref running) == 0 && callerSleeps != 0)
                lock (gate)
                    Monitor.PulseAll(gate);
        }
    }

    /// <summary>Waits until the generation moves on from <paramref name="seen"/>; false when the pool stops.</summary>
    private bool WaitForWork(int seen)
    {
        var until = Stopwatch.GetTimestamp() + SpinTicks;
        while (generation == seen && !stopped && Stopwatch.GetTimestamp() < until)
            Thread.SpinWait(20);
        if (generation == seen && !stopped)
        {
            lock (gate)
            {
                Interlocked.Increment(ref sleepers);
                while (generation == seen && !stopped)
                    Monitor.Wait(gate);
                Interlocked.Decrement(ref sleepers);
            }
        }
        return generation != seen;
    }
}
