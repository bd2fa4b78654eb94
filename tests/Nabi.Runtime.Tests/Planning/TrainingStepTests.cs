namespace Nabi.Runtime.Tests.Planning;

/// <summary>Whole training steps (forward, loss, backward, update) against the reference evaluator, parameters included.</summary>
public class TrainingStepTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ResidualNetworkLearnsAsTheReferenceDoes(int threads)
    {
        var (expected, actual) = (ResidualNetwork.TrainingStep(batch: 3, size: 8, width: 4), ResidualNetwork.TrainingStep(batch: 3, size: 8, width: 4));
        using var session = new Session(actual, new SessionOptions { Threads = threads });
        for (var step = 0; step < 3; step++)
        {
            var feed = ResidualNetwork.Feed(actual, (ulong)step);
            Outcome.AssertSame(ReferenceEvaluator.Run(expected, feed), session.Run(feed), 2e-4);
            foreach (var parameter in expected.Parameters.Where(p => p.IsUpdated))
                Outcome.AssertSame(parameter.Name, parameter.Data!, actual.Parameter(parameter.Name)!.Data!, 2e-4);
        }
    }

    [Fact]
    public void NothingInTheStepRunsItsReference()
    {
        using var session = new Session(ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4));
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    [Fact]
    public void RelusAroundNormalizationsAreFused()
    {
        using var session = new Session(ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4));
        var kernels = session.Plan!.Steps.Select(s => s.Kernel).ToArray();
        Assert.Contains("batchnorm.training+relu", kernels);
        Assert.Contains("batchnorm.training+residual+relu", kernels);
        Assert.Contains("batchnorm.gradient+gate", kernels);
    }
}
