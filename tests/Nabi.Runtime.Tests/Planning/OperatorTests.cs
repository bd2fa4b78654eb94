using Nabi.TestSuite;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Every operator case, run by the session against the reference.</summary>
public class OperatorTests
{
    public static TheoryData<string> Names => [.. OperatorCases.All.Select((c, i) => $"{i} {c.Name}")];

    [Theory, MemberData(nameof(Names))]
    public void SessionGivesWhatTheReferenceGives(string name) => Compare(Case(name), threads: 2);

    [Theory, MemberData(nameof(Names))]
    public void OneThreadGivesWhatTheReferenceGives(string name) => Compare(Case(name), threads: 1);

    private static OperatorCase Case(string name) => OperatorCases.All[int.Parse(name.Split(' ')[0])];

    private static void Compare(OperatorCase x, int threads)
    {
        var graph = x.Graph();
        if (graph.Nodes.Any(n => !n.Op.IsDeterministic)) return;   // checked with its own generator elsewhere
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, x.Feed()), session.Run(x.Feed()), x.Tolerance);
    }
}
