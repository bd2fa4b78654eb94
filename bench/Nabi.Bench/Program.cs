using Nabi.Bench.Kernels;

// nabi-bench <suite> [threads]: measurements that are printed, not asserted.
switch (args)
{
    case ["kernels", .. var rest]:
        KernelSuite.Run(rest.Length > 0 ? int.Parse(rest[0]) : 1);
        return 0;
    default:
        Console.Error.WriteLine("usage: Nabi.Bench kernels [threads]");
        return 2;
}
