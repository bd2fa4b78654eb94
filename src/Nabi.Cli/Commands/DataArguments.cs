using System.CommandLine;

namespace Nabi.Cli.Commands;

/// <summary>How data sets are named on the command line.</summary>
internal static class DataArguments
{
    /// <summary>The option <c>--data</c>.</summary>
    public static Option<string> Option() => new("--data")
    {
        Description = "A data set: fashion-mnist, mnist, cifar10, glyphs, or a path (folder of images by class, IDX, CIFAR .bin, .npy, .npz, CSV).",
        Required = true,
    };
}
