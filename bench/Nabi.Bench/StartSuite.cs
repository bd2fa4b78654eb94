using System.Diagnostics;
using System.Runtime;
using Nabi.Formats;
using Nabi.Runtime;

namespace Nabi.Bench;

/// <summary>From the start of this process to the first result of a network, phase by phase.</summary>
internal static class StartSuite
{
    public static void Run(string model, TimeProvider clock)
    {
        using var process = Process.GetCurrentProcess();
        var runtime = clock.GetLocalNow().DateTime - process.StartTime;
        var (begin, used) = (clock.GetTimestamp(), process.TotalProcessorTime);
        var (methods, compiling) = (JitInfo.GetCompiledMethodCount(), JitInfo.GetCompilationTime());
        Say("runtime and arguments", runtime, used, methods, compiling);

        var graph = ModelFile.Read(model);
        Lap("reading the model");
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var shape = Shape.Create([1, .. graph.Inputs[0].Shape.Dims[1..]]);
        session.PlanFor(shape);
        Lap("planning and packing");
        Tensor[] inputs = [Tensor.Full(shape, 0.5f)];
        var outputs = session.OutputsFor(inputs);
        session.Run(inputs, outputs);
        Lap("first run");
        session.Run(inputs, outputs);
        Lap("second run");

        void Lap(string phase)
        {
            process.Refresh();
            var (now, total) = (clock.GetTimestamp(), process.TotalProcessorTime);
            var (count, time) = (JitInfo.GetCompiledMethodCount(), JitInfo.GetCompilationTime());
            Say(phase, clock.GetElapsedTime(begin, now), total - used, count - methods, time - compiling);
            (begin, used, methods, compiling) = (clock.GetTimestamp(), total, count, time);
        }
    }

    private static void Say(string phase, TimeSpan elapsed, TimeSpan processor, long methods, TimeSpan compiling) => Console.WriteLine(
        $"{phase,-24}{elapsed.TotalMilliseconds,8:0.0} ms, processor {processor.TotalMilliseconds,6:0.0} ms, {methods,5} methods compiled in {compiling.TotalMilliseconds,6:0.0} ms");
}
