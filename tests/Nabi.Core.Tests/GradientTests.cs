using Nabi.TestSuite;

namespace Nabi.Core.Tests;

/// <summary>Every differentiable operator against central differences in double precision.</summary>
public class GradientTests
{
    public static TheoryData<int, string> Differentiable() => Among(OperatorCases.All);

    // The functions other operators' gradients are written with must differentiate again.
    public static TheoryData<int, string> TwiceDifferentiable() =>
        Among([.. OperatorCases.Arithmetic, .. OperatorCases.Functions, .. OperatorCases.Broadcasting, .. OperatorCases.AlongAxes, .. OperatorCases.Products]);

    private static TheoryData<int, string> Among(IReadOnlyList<OperatorCase> cases)
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < OperatorCases.All.Count; i++)
            if (OperatorCases.All[i] is { ChecksGradient: true, Op.IsDifferentiable: true } c && cases.Any(o => o.Name == c.Name && o.Op == c.Op) && HasReals(c.Graph()))
                data.Add(i, c.Name);
        return data;
    }

    private static bool HasReals(Graph graph) => graph.Inputs.Count > 0 && graph.Outputs.Any(o => o.Value.DType.IsFloat());

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void Gradient_equals_central_differences(int index, string name)
    {
        Assert.NotEmpty(name);
        var @case = OperatorCases.All[index];
        var feed = @case.Feed(DType.Float64);
        var graph = @case.Graph(DType.Float64);
        Check(@case.Name, graph, feed, Weights(graph, feed));
    }

    [Theory]
    [MemberData(nameof(TwiceDifferentiable))]
    public void Gradient_of_the_gradient_equals_central_differences(int index, string name)
    {
        Assert.NotEmpty(name);
        var @case = OperatorCases.All[index];
        var feed = @case.Feed(DType.Float64);
        var graph = @case.Graph(DType.Float64);
        var gradient = Backward(graph, Weights(graph, feed));
        Check($"gradient of {@case.Name}", gradient, feed, Weights(gradient, feed));
    }

    // The first difference between gradients in the graph and central differences of the weighted sum of its outputs.
    private static void Check(string name, Graph graph, Dictionary<string, Tensor> feed, Dictionary<string, Tensor> weights)
    {
        var gradients = ReferenceEvaluator.Run(Backward(graph, weights), feed);
        foreach (var (inputName, tensor) in feed)
        {
            var analytic = gradients[inputName].Span<double>();
            for (var i = 0; i < tensor.Count; i++)
            {
                var numeric = Difference(graph, feed, weights, tensor, i);
                Assert.True(Math.Abs(numeric - analytic[i]) <= 1e-5 * Math.Max(1, Math.Abs(numeric)),
                    $"{name}: d/d{inputName}[{i}] is {analytic[i]} in the graph, {numeric} by central differences.");
            }
        }
    }

    [Fact]
    public void Applied_twice_gives_the_Hessian_vector_product()
    {
        // f(x) = sum(exp(A x)): Hessian A^T diag(exp(A x)) A.
        var (a, x, v) = (OperatorCases.Float(4, 3).Cast(DType.Float64), OperatorCases.Float(3).Cast(DType.Float64), Tensor.Of<double>([3], 1, -2, 0.5));
        var b = new GraphBuilder("hvp");
        var (inputX, inputV) = (b.Input("x", DType.Float64, [3]), b.Input("v", DType.Float64, [3]));
        var f = b.ReduceSum(b.Exp(b.MatMul(b.Constant(a), inputX)), [], keepdims: false);
        var gradient = Gradients.Add(b, f, [inputX])[0];
        var product = Gradients.Add(b, gradient, [inputX], seed: inputV)[0];
        b.Output("hv", product);
        var hv = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = x, ["v"] = v })["hv"].Span<double>().ToArray();

        for (var i = 0; i < 3; i++)
        {
            var expected = 0.0;
            for (var r = 0; r < 4; r++)
            {
                double ax = 0, av = 0;
                for (var c = 0; c < 3; c++)
                {
                    ax += a.Span<double>()[r * 3 + c] * x.Span<double>()[c];
                    av += a.Span<double>()[r * 3 + c] * v.Span<double>()[c];
                }
                expected += a.Span<double>()[r * 3 + i] * Math.Exp(ax) * av;
            }
            Assert.Equal(expected, hv[i], 9);
        }
    }

    private static Dictionary<string, Tensor> Weights(Graph graph, Dictionary<string, Tensor> feed) =>
        ReferenceEvaluator.Run(graph, feed).Where(o => o.Value.DType.IsFloat()).ToDictionary(o => o.Key, o => Weights(o.Value.Shape));

    private static Tensor Weights(Shape shape)
    {
        var rng = new Rng(7);
        var tensor = Tensor.Empty(DType.Float64, shape);
        foreach (ref var x in tensor.Span<double>()) x = rng.NextGaussian();
        return tensor;
    }

    private static Graph Backward(Graph graph, Dictionary<string, Tensor> weights)
    {
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        Value? loss = null;
        foreach (var output in graph.Outputs.Where(o => weights.ContainsKey(o.Name)))
        {
            var term = b.ReduceSum(b.Mul(rewriter[output.Value], b.Constant(weights[output.Name])), [], keepdims: false);
            loss = loss is null ? term : b.Add(loss, term);
        }
        var wrt = graph.Inputs.Select(i => rewriter[i]).ToArray();
        var gradients = Gradients.Add(b, loss!, wrt);
        for (var i = 0; i < wrt.Length; i++)
        {
            Assert.Equal(wrt[i].Type, gradients[i].Type);
            b.Output(wrt[i].Name, gradients[i]);
        }
        return b.Build();
    }

    private static double Difference(Graph graph, Dictionary<string, Tensor> feed, Dictionary<string, Tensor> weights, Tensor tensor, int at)
    {
        const double step = 1e-5;
        ref var x = ref tensor.Span<double>()[at];
        var before = x;
        x = before + step;
        var up = Loss(graph, feed, weights);
        x = before - step;
        var down = Loss(graph, feed, weights);
        x = before;
        return (up - down) / (2 * step);
    }

    private static double Loss(Graph graph, Dictionary<string, Tensor> feed, Dictionary<string, Tensor> weights)
    {
        var sum = 0.0;
        foreach (var (name, y) in ReferenceEvaluator.Run(graph, feed))
        {
            if (!weights.TryGetValue(name, out var w)) continue;
            for (var i = 0; i < y.Count; i++) sum += y.Span<double>()[i] * w.Span<double>()[i];
        }
        return sum;
    }
}
