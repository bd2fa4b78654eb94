using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>
/// A sparse matrix as code: for each 16 columns and part of the depth a routine that multiplies 16 rows in the lanes of a tile by what is not zero. Where that
/// is stands in the instructions, so that nothing is looked up and no branch is guessed wrong; the numbers themselves are data.
/// </summary>
/// <remarks>
/// <para>Of a routine's numbers those of one row of the matrix follow each other: the row's register of the tile is loaded once and multiplied with each number as a
/// broadcast memory operand, one <c>vfmadd231ps</c> of 7 bytes per number.</para>
/// <para>Sums stand in zmm16 to zmm31 and operands in zmm0 to zmm5, which a callee preserves nowhere.</para>
/// </remarks>
internal sealed unsafe class SparseCode : IDisposable
{
    /// <summary>Columns of a panel and rows of a tile.</summary>
    public const int Width = 16;

    /// <summary>Numbers of a routine, about; of so many the processor keeps the decoded instructions from tile to tile.</summary>
    private const int LongRoutine = 2600;

    /// <summary>Most bytes of code of a matrix.</summary>
    private const long MostBytes = 16 << 20;

    private const int Operands = 6;

    private static readonly Lazy<bool> IsAllowed = new(Check);

    private readonly CodeMemory memory;
    private readonly RoutineStart[] starts;

    private SparseCode(SparsePattern pattern, Func<int, int> offsetOf)
    {
        var panels = (pattern.Columns + Width - 1) / Width;
        Parts = (int)Math.Clamp(pattern.Count / ((long)panels * LongRoutine) + 1, 1, pattern.Depth);
        starts = GC.AllocateArray<RoutineStart>(panels * Parts, pinned: true);
        var code = new SparseAssembler();
        var (order, number) = (Order(pattern), 0);
        for (var panel = 0; panel < panels; panel++)
        {
            var columns = Math.Min(Width, pattern.Columns - (panel * Width));
            var end = pattern.Starts[(panel * Width) + columns];
            for (var part = 0; part < Parts; part++)
            {
                var (from, (_, lastRow)) = (number, WorkPool.Share(pattern.Depth, part, Parts));
                while (number < end && order[number].Row < lastRow) number++;
                code.Align();
                starts[(panel * Parts) + part] = new RoutineStart(code.Length, from);
                Emit(code, order.AsSpan(from..number), columns, part == 0, offsetOf);
            }
        }
        memory = new CodeMemory(code.Bytes);
    }

    /// <summary>Parts of the depth.</summary>
    public int Parts { get; }

    /// <summary>Bytes of code.</summary>
    /// <param name="pattern">Where the matrix is not zero.</param>
    public static long SizeOf(SparsePattern pattern) => 7L * pattern.Count;

    /// <summary>The code for a matrix; null where this process emits none or it would be too long.</summary>
    /// <param name="pattern">Where the matrix is not zero.</param>
    /// <param name="offsetOf">Bytes from a tile to the register that a row of the matrix is multiplied with, up to 1 GB.</param>
    public static SparseCode? Of(SparsePattern pattern, Func<int, int> offsetOf)
    {
        if (SizeOf(pattern) > MostBytes || !IsAllowed.Value) return null;
        try
        {
            return new SparseCode(pattern, offsetOf);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>The places of the matrix in the order in which the code reads its numbers: panel after panel, and in it row after row.</summary>
    /// <param name="pattern">Where the matrix is not zero.</param>
    public static (int Row, int Column)[] Order(SparsePattern pattern)
    {
        var (places, starts) = (new (int Row, int Column)[pattern.Count], new int[pattern.Depth + 1]);
        for (var first = 0; first < pattern.Columns; first += Width)
        {
            var last = Math.Min(first + Width, pattern.Columns);
            Array.Clear(starts);
            for (var column = first; column < last; column++)
                foreach (var row in pattern.RowsOf(column)) starts[row + 1]++;
            starts[0] = pattern.Starts[first];
            for (var row = 0; row < pattern.Depth; row++) starts[row + 1] += starts[row];
            for (var column = first; column < last; column++)
                foreach (var row in pattern.RowsOf(column)) places[starts[row]++] = (row, column);
        }
        return places;
    }

    /// <summary>The routines, callable while this object lives.</summary>
    public Routines Entries => new(memory.Start, (RoutineStart*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(starts)));

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    // One part of a panel.
    private static void Emit(SparseAssembler code, ReadOnlySpan<(int Row, int Column)> places, int columns, bool isFirst, Func<int, int> offsetOf)
    {
        code.Enter();
        for (var i = 0; i < columns; i++)
        {
            if (isFirst) code.Clear(Width + i);
            else code.LoadSum(Width + i, i);
        }
        var (operand, last) = (Operands - 1, -1);
        for (var number = 0; number < places.Length; number++)
        {
            var (row, column) = places[number];
            if (row != last)
            {
                operand = (operand + 1) % Operands;
                code.LoadTile(operand, offsetOf(row));
                last = row;
            }
            code.MultiplyAdd(Width + (column % Width), operand, number);
        }
        for (var i = 0; i < columns; i++) code.StoreSum(Width + i, i);
        code.Leave();
    }

    // Emits a matrix whose routines use every register and form of address, with rows side by side and further apart, and compares them with plain loops.
    private static bool Check()
    {
        if (Environment.GetEnvironmentVariable(ByteTiles.Switch) == "0" || RuntimeInformation.ProcessArchitecture != Architecture.X64 || !Vector512.IsHardwareAccelerated) return false;
        const int depth = 1200, columns = 21;   // more than one part
        var rng = new Rng(5);
        var weights = new float[depth * columns];
        for (var i = 0; i < weights.Length; i++) weights[i] = rng.Next(4) == 0 ? 1 + rng.Next(100) : 0;
        var pattern = SparsePattern.Of(weights, columns, depth, depth, 1);
        return IsRight(pattern, weights, Width, rng) && IsRight(pattern, weights, Width + 5, rng);
    }

    private static bool IsRight(SparsePattern pattern, float[] weights, int step, Rng rng)
    {
        var (columns, depth) = (pattern.Columns, pattern.Depth);
        SparseCode code;
        try
        {
            code = new SparseCode(pattern, row => row * step * sizeof(float));
        }
        catch (Win32Exception)
        {
            return false;
        }
        using (code)
        {
            var tile = new float[depth * step];
            for (var i = 0; i < tile.Length; i++) tile[i] = rng.Next(50);   // small integers: sums are exact in any order
            float[] values = [.. Order(pattern).Select(p => weights[(p.Column * depth) + p.Row])];
            var sums = new float[2 * Width * Width];
            fixed (float* x = tile, v = values, s = sums)
            {
                for (var panel = 0; panel * Width < columns; panel++)
                    for (var part = 0; part < code.Parts; part++) code.Entries.Run((panel * code.Parts) + part, x, v, s + (panel * Width * Width));
            }
            for (var column = 0; column < columns; column++)
            {
                for (var lane = 0; lane < Width; lane++)
                {
                    var sum = 0f;
                    for (var row = 0; row < depth; row++) sum += weights[(column * depth) + row] * tile[(row * step) + lane];
                    if (sums[(column * Width) + lane] != sum) return false;
                }
            }
        }
        return true;
    }

    /// <summary>Where the code of a routine starts, and its numbers.</summary>
    public readonly record struct RoutineStart(int Code, int Number);

    /// <summary>Entry points.</summary>
    public readonly struct Routines(byte* code, RoutineStart* starts)
    {
        /// <summary>Adds a part to the sums of one tile, the first part to zero. Short and without a way back into managed code: it needs no transition.</summary>
        /// <param name="routine">Panel * <see cref="Parts"/> + part.</param>
        /// <param name="tile">Where the registers that rows are multiplied with are counted from.</param>
        /// <param name="values">The matrix's numbers in <see cref="Order"/>.</param>
        /// <param name="sums">[columns of the panel][16].</param>
        public void Run(int routine, float* tile, float* values, float* sums) =>
            ((delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, void>)(code + starts[routine].Code))(tile, values + starts[routine].Number, sums);
    }
}
