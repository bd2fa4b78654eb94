using Nabi.Compression.Pruning;

namespace Nabi.Compression.Tests.Pruning;

public class GroupSensitivityTests
{
    [Fact]
    public void Every_group_is_measured_alone()
    {
        var sweep = GroupSensitivity.Sweep(TinyNet.Trained, TinyNet.Context);
        Assert.Equal(ChannelGroups.Of(TinyNet.Trained).Select(g => g.Name), sweep.Select(s => s.Group));
        Assert.All(sweep, s => Assert.Equal(s.Channels / 2, s.Removed));
        Assert.All(sweep, s => Assert.InRange(s.MacsSaved, 0.001, 0.8));
        Assert.True(sweep.Max(s => s.Drop) > 0.05, string.Join("; ", sweep));
    }
}
