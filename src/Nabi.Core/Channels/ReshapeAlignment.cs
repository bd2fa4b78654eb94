namespace Nabi;

/// <summary>Which axes of one shape hold the elements of which axes of another, when only the shape changes.</summary>
internal static class ReshapeAlignment
{
    /// <summary>
    /// Runs of input axes and the runs of output axes that hold the same elements; at least one of the two runs has length 1.
    /// Axes of size 1 and axes that cannot be aligned are in no run.
    /// </summary>
    public static IReadOnlyList<(int[] From, int[] To)> Of(Shape input, Shape output)
    {
        var runs = new List<(int[], int[])>();
        var (from, to) = (Significant(input), Significant(output));
        // Equal axes at the end hold the same elements, whatever stands before them.
        var (endFrom, endTo) = (from.Count, to.Count);
        while (endFrom > 0 && endTo > 0 && input[from[endFrom - 1]] == output[to[endTo - 1]] && input[from[endFrom - 1]] != Shape.Unknown)
            runs.Add(([from[--endFrom]], [to[--endTo]]));
        var (i, j) = (0, 0);
        while (i < endFrom && j < endTo && input[from[i]] == output[to[j]]) (i, j) = (i + 1, j + 1);
        if (!SameProduct(input, from, i, endFrom, output, to, j, endTo)) return runs;
        for (var k = 0; k < i; k++) runs.Add(([from[k]], [to[k]]));
        while (i < endFrom && j < endTo)
        {
            var (startFrom, startTo) = (i, j);
            var (left, right) = ((long)input[from[i++]], (long)output[to[j++]]);
            while (left != right)
            {
                if (left < right) left *= input[from[i++]];
                else right *= output[to[j++]];
            }
            if (i - startFrom == 1 || j - startTo == 1)
                runs.Add((from[startFrom..i].ToArray(), to[startTo..j].ToArray()));
        }
        return runs;
    }

    private static List<int> Significant(Shape shape)
    {
        var axes = new List<int>();
        for (var i = 0; i < shape.Rank; i++)
            if (shape[i] != 1) axes.Add(i);
        return axes;
    }

    private static bool SameProduct(Shape a, List<int> axesA, int fromA, int toA, Shape b, List<int> axesB, int fromB, int toB) =>
        Product(a, axesA, fromA, toA) is var product and > 0 && product == Product(b, axesB, fromB, toB);

    // Zero when a dimension is not known.
    private static long Product(Shape shape, List<int> axes, int from, int to)
    {
        var product = 1L;
        for (var i = from; i < to; i++) product *= Math.Max(0, shape[axes[i]]);
        return product;
    }
}
