using System.Globalization;
using Nabi.Runtime;

namespace Nabi.Bench.Claims;

/// <summary>A claim about the speed of single layers with zeros: each against the same layer without, in turn, as the step of a plan.</summary>
internal abstract class LayerRace : Claim
{
    /// <summary>Times a layer is measured in turn with its dense form.</summary>
    protected const int Rounds = 5;

    /// <summary>Runs of one time.</summary>
    protected const int Runs = 40;

    /// <summary>Adds a row: layer, zeros, kernel, dense milliseconds, sparse milliseconds, ratio.</summary>
    /// <param name="run">Receives it.</param>
    /// <param name="layer">Names the layer.</param>
    /// <param name="zeros">Names the zeros.</param>
    /// <param name="make">The layer with zeros, or without.</param>
    protected static void Race(ClaimRun run, string layer, string zeros, Func<bool, Graph> make)
    {
        var options = new SessionOptions { Threads = run.Threads };
        using var dense = new Session(make(false), options);
        using var sparse = new Session(make(true), options);
        var (slow, fast) = (double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            slow = Math.Min(slow, Time(dense));
            fast = Math.Min(fast, Time(sparse));
        }
        run.Row(layer, zeros, $"{KernelOf(sparse)} (dense: {KernelOf(dense)})", Shown(slow), Shown(fast), Shown(slow / fast, "F2"));
    }

    private static string KernelOf(Session session) => session.Plan!.Steps.Single(s => s.Macs > 0).Kernel.Split('+')[0];

    private static string Shown(double number, string form = "F4") => number.ToString(form, CultureInfo.InvariantCulture);

    // The median of the step that multiplies.
    private static double Time(Session session)
    {
        var input = session.Graph.Inputs[0];
        var profile = session.Profile(new Dictionary<string, Tensor> { [input.Name] = Tensor.Full(input.Shape, 0.5f) }, Runs, TimeProvider.System);
        return profile.Steps.Single(s => s.Step.Macs > 0).Median.TotalMilliseconds;
    }
}
