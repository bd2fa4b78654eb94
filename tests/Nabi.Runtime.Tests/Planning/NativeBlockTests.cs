using Nabi.Runtime.Planning;

namespace Nabi.Runtime.Tests.Planning;

public sealed class NativeBlockTests
{
    [Fact]
    public void More_memory_than_the_machine_has_is_refused() =>
        Assert.Contains("use a smaller batch", Assert.Throws<NabiException>(() => new NativeBlock(1L << 60)).Message, StringComparison.Ordinal);
}
