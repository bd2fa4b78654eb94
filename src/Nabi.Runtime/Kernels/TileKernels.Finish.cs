using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <content>What is done to a tile before its sums are products and after.</content>
internal static unsafe partial class TileKernels
{
    /// <summary>What register <paramref name="column"/> of a tile row starts from: the bias or zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Start<L, V>(TileArguments* t, int column)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (t->Bias is null)
            return default;
        return L.Load(t->Bias + (column * L.Count));
    }

    /// <summary>Adds the old content, clamps and stores one register of a row, <paramref name="column"/> floats from its start.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<L, V>(TileArguments* t, int row, V c0, int column = 0)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[row] + column;
        if (t->Load)
            c0 = L.Add(c0, L.Load(target));
        if (t->Clamp)
            c0 = L.Clamp(c0, t->Low, t->High);
        L.Store(c0, target);
    }

    /// <summary>The same for two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<L, V>(TileArguments* t, int row, V c0, V c1, int column = 0)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[row] + column;
        if (t->Load)
        {
            c0 = L.Add(c0, L.Load(target));
            c1 = L.Add(c1, L.Load(target + L.Count));
        }
        if (t->Clamp)
        {
            c0 = L.Clamp(c0, t->Low, t->High);
            c1 = L.Clamp(c1, t->Low, t->High);
        }
        L.Store(c0, target);
        L.Store(c1, target + L.Count);
    }

    /// <summary>Adds what is to be added, clamps and stores a tile row of one register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<L, V>(TileArguments* t, int row, V c0, TilePosition at)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (t->Addends is not null)
            c0 = L.Add(c0, L.Load(t->Addends[row] + at.Addend));
        if (t->Clamp)
            c0 = L.Clamp(c0, t->Low, t->High);
        L.Store(c0, t->Outputs[row] + at.Output);
    }

    /// <summary>The same for a row of two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<L, V>(TileArguments* t, int row, V c0, V c1, TilePosition at)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (t->Addends is not null)
        {
            var addend = t->Addends[row] + at.Addend;
            c0 = L.Add(c0, L.Load(addend));
            c1 = L.Add(c1, L.Load(addend + L.Count));
        }
        if (t->Clamp)
        {
            c0 = L.Clamp(c0, t->Low, t->High);
            c1 = L.Clamp(c1, t->Low, t->High);
        }
        var target = t->Outputs[row] + at.Output;
        L.Store(c0, target);
        L.Store(c1, target + L.Count);
    }

    /// <summary>How far one of the tiles of a call lies from the first, in floats.</summary>
    private struct TilePosition
    {
        public nint Input;
        public nint Output;
        public nint Addend;

        public static TilePosition Of(TileArguments* t, nint tile) =>
            new() { Input = tile * t->InputStep, Output = tile * t->OutputStep, Addend = tile * t->AddendStep };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Advance(TileArguments* t)
        {
            Input += t->InputStep;
            Output += t->OutputStep;
            Addend += t->AddendStep;
        }
    }
}
