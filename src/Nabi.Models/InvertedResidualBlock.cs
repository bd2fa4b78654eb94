namespace Nabi.Models;

/// <summary>
/// The block that most mobile networks share (Sandler et al. 2018, table 1): 1x1 expansion, depthwise convolution, optional squeeze and
/// excitation, linear 1x1 projection, and a shortcut between equal ends.
/// </summary>
internal static class InvertedResidualBlock
{
    /// <summary>Adds the block.</summary>
    /// <param name="x">Its input.</param>
    /// <param name="expanded">Channels between expansion and projection; equal to the input's leaves the expansion out.</param>
    /// <param name="channels">Output channels.</param>
    /// <param name="kernel">Depthwise kernel.</param>
    /// <param name="stride">Depthwise stride.</param>
    /// <param name="activation">After expansion and depthwise convolution.</param>
    /// <param name="squeeze">Squeeze and excitation on the expanded channels, or null.</param>
    public static Feature InvertedResidual(this Feature x, int expanded, int channels, int kernel, int stride, Func<Feature, Feature> activation,
        Func<Feature, Feature>? squeeze = null)
    {
        var wide = expanded == x.Channels ? x : activation(x.Conv(expanded, 1, name: "expand").BatchNorm("expand.bn"));
        wide = activation(wide.Depthwise(kernel, stride).BatchNorm("depthwise.bn"));
        var narrow = (squeeze?.Invoke(wide) ?? wide).Conv(channels, 1, name: "project").BatchNorm("project.bn");
        return stride == 1 && x.Channels == channels ? narrow.Add(x) : narrow;
    }
}
