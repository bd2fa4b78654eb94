namespace Nabi.Training.Tests.Losses;

public class GroupLassoTests
{
    // Rows are filters, columns inputs. With filters in two groups: rows 0 and 2 (pairs (3, 4), (0, 0), (5, 12)), rows 1 and 3 ((1, 0), (8, 15), (0, 0)).
    private static readonly float[] Weights =
    [
        3, 0, 5,
        1, 8, 0,
        4, 0, 12,
        0, 15, 0,
    ];

    [Fact]
    public void It_is_the_sum_of_the_norms_between_groups_of_filters_and_inputs()
    {
        var (value, gradient) = Evaluate([4, 3, 1, 1], Weights, new WeightGroups("w", 0, 2));
        Assert.Equal(0.5 * (5 + 0 + 13 + 1 + 17 + 0), value, 4);
        // Each weight over its group's norm; weights of groups that are all zero feel nothing.
        Assert.Equal(0.5 * 3 / 5, gradient[0], 5);
        Assert.Equal(0.5 * 15 / 17, gradient[10], 5);
        Assert.Equal([0, 0, 0, 0], [gradient[1], gradient[7], gradient[5], gradient[11]]);
    }

    [Fact]
    public void Or_between_groups_of_inputs_and_filters()
    {
        // Transposed: columns are split, with the same pairs.
        var transposed = Enumerable.Range(0, 12).Select(i => Weights[i % 4 * 3 + i / 4]).ToArray();
        Assert.Equal(0.5 * 36, Evaluate([3, 4], transposed, new WeightGroups("w", 1, 2)).Value, 4);
    }

    [Fact]
    public void Other_parameters_are_not_concerned()
    {
        var b = new GraphBuilder("g");
        var other = b.Parameter("other", Tensor.Zeros(DType.Float32, [4, 3]));
        Assert.Null(new GroupLasso([new WeightGroups("w", 0, 2)]).Build(b, other, other));
    }

    private static (double Value, float[] Gradient) Evaluate(Shape shape, float[] numbers, WeightGroups groups)
    {
        var b = new GraphBuilder("g");
        var w = b.Parameter("w", Tensor.Of(shape, numbers));
        var value = new GroupLasso([groups], 0.5).Build(b, w, w)!;
        b.Output("value", value);
        b.Output("gradient", Gradients.Add(b, value, [w])[0]);
        var results = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor>());
        return (results["value"].Item(), results["gradient"].ToSingle());
    }
}
