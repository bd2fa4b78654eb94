using Iced.Intel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Assembles a micro-kernel that counts the bits in which rows differ from the columns of packed panels, with AVX512-VPOPCNTDQ, and makes results of the counts.</summary>
/// <remarks>
/// <para>.NET has no intrinsic for <c>vpopcntd</c>. With it a word of 32 bits costs three instructions: exclusive or, count, add. Two words cost five, because not every bit is counted:
/// of the differing bits x seen so far each position keeps the parity p. Two more of them take p to p' and p''; a bit of weight two is carried where the parity falls from 1 to 0, which
/// happens at most once in two words and is where p' ? not p'' : p. Only carries are counted (a carry-save adder, as in Harley and Seal's count).</para>
/// <para>Rows and columns are stored as running parities themselves (<see cref="BitFormat.IsRunning"/>), so that each p is one exclusive or of the two and does not wait for the one
/// before. A sum over words is 2 (falls) + (last parity) - (first parity), whatever that was; words between which rows do not change, those of padding, may be left out: the columns'
/// difference is then a constant.</para>
/// <para>A float holds the count exactly; scale, bias and limits follow in the same registers (<see cref="BitArguments"/>). One call does all panels, since a call and a store per panel
/// would take as long as a third of the counting.</para>
/// <para>The limit of Zen 5 is five vector operations of four a cycle for two words of 16 columns, 1.25 cycles; whole panels of 8 rows and 72 words measure 1.38, of which 1.30 count.</para>
/// </remarks>
internal sealed unsafe class BitTileEmitter : TileEmitter
{
    /// <summary>Rows whose instructions are interleaved, so that none waits for the one before.</summary>
    private const int Together = 4;

    /// <summary>Most rows: of their sums and parities, one register each.</summary>
    private const int MostRows = 8;

    /// <summary>Truth table of <c>vpternlogd</c> for p', p and p'': where the parity falls.</summary>
    private const int Falls = 0x5c;

    private const Register Sums = Register.ZMM24, Parities = Register.ZMM16, Odd = Register.ZMM0, Even = Register.ZMM1;

    // Parities after an odd number of pairs, and where they fell.
    private const Register Turned = Register.ZMM2, Fallen = Register.ZMM10;

    /// <summary>Bytes of two words of a row.</summary>
    private const int PairBytes = 2 * sizeof(uint);

    private const Register Stretch = Register.RDI, Stretches = Register.R12;

    private readonly int rows;

    private BitTileEmitter(int rows) : base(64) => this.rows = rows;

    protected override int LowRegisters => 16;

    /// <summary>The code of one micro-kernel; it contains no addresses and runs anywhere.</summary>
    /// <param name="rows">Rows of its tile, 1 to 8.</param>
    public static byte[] Emit(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, MostRows);
        var emitter = new BitTileEmitter(rows);
        emitter.Enter();
        emitter.Panels();
        emitter.Leave();
        return Finish(emitter.code);
    }

    private void Panels()
    {
        BitArguments t = default;
        Load(Inputs, Arguments, Offset(&t, &t.Inputs));
        for (var i = 0; i < rows; i++) Load(Rows[i], Inputs, i * sizeof(void*));
        var panel = code.CreateLabel();
        code.Label(ref panel);
        Count();
        StoreResults();
        Load(Panel, Arguments, Offset(&t, &t.PanelStride));
        code.AddInstruction(Instruction.Create(Code.Add_rm64_r64, Memory(Arguments, Offset(&t, &t.Panel)), Panel));
        code.AddInstruction(Instruction.Create(Code.Add_rm64_imm32, Memory(Arguments, Offset(&t, &t.Column)), Bytes));
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Memory(Arguments, Offset(&t, &t.Panels))));
        code.jne(panel);
    }

    private void Count()
    {
        BitArguments t = default;
        Load(Panel, Arguments, Offset(&t, &t.Panel));
        Load(At, Arguments, Offset(&t, &t.First));
        LoadVector(Parities, new MemoryOperand(Panel, At, 1, 0, 0));
        for (var i = 0; i < rows; i++)
        {
            if (i > 0) CopyVector(Parities + i, Parities);
            Ternary(Sums + i, Sums + i, Sums + i, 0);
        }
        Load(Stretch, Arguments, Offset(&t, &t.Stretches));
        Load(Stretches, Arguments, Offset(&t, &t.StretchCount));
        var (stretch, pairs, rest, none) = (code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
        code.Label(ref stretch);
        Load(At, Stretch, 0);
        Load(End, Stretch, sizeof(nint));
        AddTo(Stretch, 2 * sizeof(nint));
        // A word of a row is 4 bytes, of a panel 64.
        Move(Panel, At);
        code.AddInstruction(Instruction.Create(Code.Shl_rm64_imm8, Panel, 4));
        code.AddInstruction(Instruction.Create(Code.Add_r64_rm64, Panel, Memory(Arguments, Offset(&t, &t.Panel))));
        // Two pairs at a time, whose parities change registers and back, then the pair that may be left.
        AddTo(End, -PairBytes);
        code.AddInstruction(Instruction.Create(Code.Cmp_r64_rm64, At, End));
        code.jge(rest);
        code.Label(ref pairs);
        Pair(0, Parities, Turned);
        Pair(1, Turned, Parities);
        AddTo(Panel, 4 * Bytes);
        AddTo(At, 2 * PairBytes);
        code.AddInstruction(Instruction.Create(Code.Cmp_r64_rm64, At, End));
        code.jl(pairs);
        code.Label(ref rest);
        code.AddInstruction(Instruction.Create(Code.Cmp_r64_rm64, At, End));
        code.jg(none);
        Pair(0, Parities, Turned);
        for (var i = 0; i < rows; i++) CopyVector(Parities + i, Turned + i);
        code.Label(ref none);
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Stretches));
        code.jne(stretch);
    }

    // Parities go on from some registers to others.
    private void Pair(int pair, Register before, Register after)
    {
        LoadVector(Odd, Memory(Panel, ((2 * pair) + 1) * Bytes));
        LoadVector(Even, Memory(Panel, ((2 * pair) + 2) * Bytes));
        for (var first = 0; first < rows; first += Together)
        {
            var last = Math.Min(rows, first + Together);
            var falls = Fallen - first;
            for (var i = first; i < last; i++) Binary(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, falls + i, Odd, Word(i, 2 * pair));
            for (var i = first; i < last; i++) Binary(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, after + i, Even, Word(i, (2 * pair) + 1));
            for (var i = first; i < last; i++) Ternary(falls + i, before + i, after + i, Falls);
            for (var i = first; i < last; i++) CountOnes(falls + i, falls + i);
            for (var i = first; i < last; i++) Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, Sums + i, Sums + i, falls + i);
        }
    }

    private static MemoryOperand Word(int row, int word) => new(Rows[row], At, 1, word * sizeof(uint), word == 0 ? 0 : 1, isBroadcast: true, Register.None);

    private void StoreResults()
    {
        const Register Weight = Register.ZMM0, Low = Register.ZMM1, High = Register.ZMM2, Scale = Register.ZMM3, Bias = Register.ZMM4;
        const Register Column = Register.RCX, Outputs = Register.R12, Starts = Register.R13, Target = Register.R14, Start = Register.RDI;
        BitArguments t = default;
        Load(Column, Arguments, Offset(&t, &t.Column));
        Load(Outputs, Arguments, Offset(&t, &t.Outputs));
        Load(Starts, Arguments, Offset(&t, &t.Starts));
        Broadcast(Weight, Offset(&t, &t.Weight));
        Load(Target, Arguments, Offset(&t, &t.Scales));
        LoadVector(Scale, new MemoryOperand(Target, Column, 1, 0, 0));
        var (unbiased, unlimited) = (code.CreateLabel(), code.CreateLabel());
        for (var i = 0; i < rows; i++)
        {
            var (y, parity) = (Sums + i, Parities + i);
            Load(Start, Starts, i * sizeof(void*));
            CountOnes(parity, parity);
            Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, y, y, y);
            Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, y, y, parity);
            code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, y, y));
            Binary(Code.EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er, y, Weight, new MemoryOperand(Start, Column, 1, 0, 0));
            Binary(Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, y, y, Scale);
        }
        Load(Start, Arguments, Offset(&t, &t.Bias));
        code.AddInstruction(Instruction.Create(Code.Test_rm64_r64, Start, Start));
        code.je(unbiased);
        LoadVector(Bias, new MemoryOperand(Start, Column, 1, 0, 0));
        for (var i = 0; i < rows; i++) Binary(Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Sums + i, Sums + i, Bias);
        code.Label(ref unbiased);
        code.AddInstruction(Instruction.Create(Code.Cmp_rm64_imm8, Memory(Arguments, Offset(&t, &t.IsLimited)), 0));
        code.je(unlimited);
        Broadcast(Low, Offset(&t, &t.Low));
        Broadcast(High, Offset(&t, &t.High));
        for (var i = 0; i < rows; i++)
        {
            Binary(Code.EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae, Sums + i, Low, Sums + i);
            Binary(Code.EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae, Sums + i, High, Sums + i);
        }
        code.Label(ref unlimited);
        for (var i = 0; i < rows; i++)
        {
            Load(Target, Outputs, i * sizeof(void*));
            StoreVector(new MemoryOperand(Target, Column, 1, 0, 0), Sums + i);
        }
    }

    private void Broadcast(Register target, int offset) => code.AddInstruction(Instruction.Create(Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32, target, Memory(Arguments, offset)));

    private void CountOnes(Register target, Register source) => code.AddInstruction(Instruction.Create(Code.EVEX_Vpopcntd_zmm_k1z_zmmm512b32, target, source));

    private void Binary(Code operation, Register target, Register left, MemoryOperand right) => code.AddInstruction(Instruction.Create(operation, target, left, right));

    private void Binary(Code operation, Register target, Register left, Register right) => code.AddInstruction(Instruction.Create(operation, target, left, right));

    private void Ternary(Register target, Register second, Register third, int table) =>
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, target, second, third, table));
}
