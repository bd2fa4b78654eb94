namespace Nabi.Runtime.Tests;

/// <summary>Compares outputs of two executors.</summary>
internal static class Outcome
{
    /// <summary>Same names, types and shapes; floats within a relative tolerance of the largest magnitude around, everything else equal.</summary>
    public static void AssertSame(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, double tolerance)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected) AssertSame(name, tensor, actual[name], tolerance);
    }

    public static void AssertSame(string name, Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.Type, actual.Type);
        if (!expected.DType.IsFloat())
        {
            Assert.True(expected.Bytes.SequenceEqual(actual.Bytes), $"{name}: {expected} expected, {actual} found");
            return;
        }
        var (a, b) = (expected.ToSingle(), actual.ToSingle());
        var scale = Math.Max(1e-3, a.Where(float.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Average());
        for (var i = 0; i < a.Length; i++)
        {
            var isSame = a[i].Equals(b[i]) || Math.Abs(a[i] - b[i]) <= tolerance * Math.Max(scale, Math.Abs(a[i]));
            Assert.True(isSame, $"{name}[{i}]: {a[i]} expected, {b[i]} found");
        }
    }
}
