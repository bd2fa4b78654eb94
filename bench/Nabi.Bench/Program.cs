using Nabi.Bench;
using Nabi.Bench.Kernels;

// nabi-bench <suite> [threads] ...: measurements that are printed, not asserted.
switch (args)
{
    case ["kernels", .. var rest]:
        KernelSuite.Run(rest.Length > 0 ? int.Parse(rest[0]) : 1);
        return 0;
    case ["train-step", .. var rest]:
        TrainingStep.Run(rest.Length > 0 ? int.Parse(rest[0]) : 2, rest.Length > 1 ? int.Parse(rest[1]) : 64, rest.Length > 2);
        return 0;
    default:
        Console.Error.WriteLine("usage: Nabi.Bench kernels [threads] | train-step [threads] [batch] [per-step]");
        return 2;
}
