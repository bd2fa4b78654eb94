namespace Nabi.Models;

/// <summary>How a sequence is cut into equal parts.</summary>
internal static class Chunks
{
    /// <summary>The fewest equal chunks of at most <paramref name="longest"/> tokens; a prime number of tokens gives chunks of one.</summary>
    public static int CountOf(int tokens, int longest)
    {
        var count = (tokens + longest - 1) / longest;
        while (tokens % count != 0) count++;
        return count;
    }
}
