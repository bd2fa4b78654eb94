namespace Nabi.Formats;

/// <summary>
/// Adds nodes that a file describes. Operators trust their callers; a file is not one, so whatever its numbers make an operator's
/// inference stumble over becomes a sentence that names the node.
/// </summary>
internal static class CheckedApply
{
    /// <summary>Runs one node's construction.</summary>
    /// <param name="node">The node's name.</param>
    /// <param name="op">The operator's name.</param>
    /// <param name="construct">Makes the operator, applies it, folds it.</param>
    /// <exception cref="NabiException">It does not fit.</exception>
    public static void Run(string node, string op, Action construct)
    {
        try
        {
            construct();
        }
        catch (NabiException e) when (!e.Message.StartsWith("Node '", StringComparison.Ordinal))
        {
            throw new NabiException($"Node '{node}' ({op}): {e.Message.TrimEnd('.')}.", e);
        }
        catch (Exception e) when (e is ArithmeticException or ArgumentException or InvalidOperationException or IndexOutOfRangeException
            or InvalidCastException or KeyNotFoundException or NotSupportedException or FormatException or NullReferenceException)
        {
            throw new NabiException($"Node '{node}' ({op}): its inputs and attributes do not fit together ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
