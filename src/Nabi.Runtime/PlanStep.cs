namespace Nabi.Runtime;

/// <summary>One kernel call of a <see cref="Plan"/>.</summary>
/// <param name="Name">The graph nodes it does, joined by <c>+</c>.</param>
/// <param name="Kernel">Kernel and variant; <c>reference.X</c> is the plain evaluation of operator X.</param>
public sealed record PlanStep(string Name, string Kernel)
{
    /// <summary>What it reads: name, type, shape in the graph's order of axes, and <c>nhwc</c> where channels lie last.</summary>
    public IReadOnlyList<string> Inputs { get; init; } = [];

    /// <summary>What it writes.</summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];

    /// <summary>Bytes it writes.</summary>
    public long OutputBytes { get; init; }

    /// <summary>Bytes of memory needed only during the step.</summary>
    public long ScratchBytes { get; init; }

    /// <summary>Bytes of everything read and written, each once.</summary>
    public long BytesMoved { get; init; }

    /// <summary>Where the first result starts in the arena, or -1 if it does not lie there.</summary>
    public long ArenaOffset { get; init; }

    /// <summary>Multiply-accumulates.</summary>
    public long Macs { get; init; }

    /// <summary>Are its multiply-accumulates those of bytes?</summary>
    public bool IsInteger { get; init; }

    /// <summary>Is it the operator's reference evaluation?</summary>
    public bool IsReference { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Kernel,-28} {Name}: {string.Join(", ", Inputs)} -> {string.Join(", ", Outputs)} [{OutputBytes} bytes @ {(ArenaOffset < 0 ? "-" : ArenaOffset)}]";
}
