using Iced.Intel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Assembles a micro-kernel that counts the bits in which rows differ from the columns of packed panels, with AVX512-VPOPCNTDQ, and makes results of the counts.</summary>
/// <remarks>
/// <para>.NET has no intrinsic for <c>vpopcntd</c>. With it a word of 32 bits costs three instructions: exclusive or, count, add. Two words at a time cost five, because not every bit is
/// counted: of the ones seen so far each bit position keeps the parity p. Two more bits x and y of it are, with p, c twos and one new parity, and only c is counted (a carry-save adder,
/// as in Harley and Seal's count). For words a, a' of the row and w, w' of the panel x = a ^ w, and p ^ x ^ y = p ^ (a ^ a') ^ (w ^ w'), one instruction of three inputs since the
/// differences a ^ a' and w ^ w' are what is stored (<see cref="BitFormat.IsPaired"/>); c, the majority of p, x and y, is x where p stayed and p where it changed, one more.</para>
/// <para>The count is 2 (sum of counted twos) + (count of the last parities), which a float holds exactly; scale, bias and limits follow in the same registers
/// (<see cref="BitArguments"/>). One call does all panels, since a call and a store per panel would take as long as a third of the counting.</para>
/// </remarks>
internal sealed unsafe class BitTileEmitter : TileEmitter
{
    // Two panel registers of two words, and what a pair of words becomes.
    private const Register First = Register.ZMM0, Differences = Register.ZMM2, Carry = Register.ZMM6, Before = Register.ZMM7;

    private const Register Twos = Register.ZMM16, Parities = Register.ZMM24;

    /// <summary>Sums that are there at the same time.</summary>
    private const int Sums = 8;

    /// <summary>Truth tables of <c>vpternlogd</c>: of three bits the parity, and of x, p and p' x where p = p', else p.</summary>
    private const int Parity = 0x96, CarryOf = 0xd4;

    private readonly BitTileForm form;

    private BitTileEmitter(BitTileForm form) : base(64) => this.form = form;

    protected override int LowRegisters => 8;

    private int RowsAtOnce => Math.Min(form.Rows, Sums / form.Columns);

    /// <summary>The code of one micro-kernel; it contains no addresses and runs anywhere.</summary>
    public static byte[] Emit(BitTileForm form)
    {
        var emitter = new BitTileEmitter(form);
        emitter.Enter();
        emitter.Panels();
        emitter.Leave();
        return Finish(emitter.code);
    }

    private void Panels()
    {
        BitArguments t = default;
        var panel = code.CreateLabel();
        code.Label(ref panel);
        for (var row = 0; row < form.Rows; row += RowsAtOnce) Round(row);
        code.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, Memory(Arguments, Offset(&t, &t.Panel)), Panel));
        code.AddInstruction(Instruction.Create(Code.Add_rm64_imm32, Memory(Arguments, Offset(&t, &t.Column)), 2 * Bytes));
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Memory(Arguments, Offset(&t, &t.Panels))));
        code.jne(panel);
    }

    // All taps for some rows; the panel stays in the first-level cache.
    private void Round(int first)
    {
        BitArguments t = default;
        Load(Panel, Arguments, Offset(&t, &t.Panel));
        Load(Inputs, Arguments, Offset(&t, &t.Inputs));
        code.AddInstruction(Instruction.Create(Code.Movsxd_r64_rm32, Taps, Memory(Arguments, Offset(&t, &t.Taps))));
        Load(End, Arguments, Offset(&t, &t.Depth));
        code.AddInstruction(Instruction.Create(Code.Shl_rm64_imm8, End, 2));
        for (var i = 0; i < RowsAtOnce * form.Columns; i++)
        {
            Ternary(Twos + i, Twos + i, Twos + i, 0);
            Ternary(Parities + i, Parities + i, Parities + i, 0);
        }
        var (tap, pair) = (code.CreateLabel(), code.CreateLabel());
        code.Label(ref tap);
        for (var i = 0; i < RowsAtOnce; i++) Load(Rows[i], Inputs, (first + i) * sizeof(void*));
        AddTo(Inputs, form.Rows * sizeof(void*));
        code.AddInstruction(Instruction.Create(Code.Xor_r32_rm32, Register.R14D, Register.R14D));
        code.Label(ref pair);
        Pair();
        AddTo(Panel, 4 * Bytes);
        AddTo(At, 2 * sizeof(int));
        code.AddInstruction(Instruction.Create(Code.Cmp_r64_rm64, At, End));
        code.jl(pair);
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Taps));
        code.jne(tap);
        StoreResults(first);
    }

    private void Pair()
    {
        for (var c = 0; c < form.Columns; c++)
        {
            LoadVector(First + c, Memory(Panel, c * Bytes));
            LoadVector(Differences + c, Memory(Panel, (2 + c) * Bytes));
        }
        for (var i = 0; i < RowsAtOnce; i++)
        {
            var (word, difference) = (new MemoryOperand(Rows[i], At, 1, 0, 0, isBroadcast: true, Register.None), new MemoryOperand(Rows[i], At, 1, sizeof(int), 1, isBroadcast: true, Register.None));
            for (var c = 0; c < form.Columns; c++)
            {
                var (twos, parity) = (Twos + (i * form.Columns) + c, Parities + (i * form.Columns) + c);
                Binary(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Carry, First + c, word);
                CopyVector(Before, parity);
                code.AddInstruction(Instruction.Create(Code.EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, parity, Differences + c, difference, Parity));
                Ternary(Carry, Before, parity, CarryOf);
                CountOnes(Carry, Carry);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, twos, twos, Carry);
            }
        }
    }

    // The registers of the panel and of the rows are free by now.
    private void StoreResults(int first)
    {
        const Register Weight = Register.ZMM0, Low = Register.ZMM1, High = Register.ZMM2, Scales = Register.ZMM4, Bias = Register.ZMM6;
        const Register Column = Register.RCX, Outputs = Taps, Starts = End, Target = Register.RAX, Start = Register.RBX;
        BitArguments t = default;
        Load(Column, Arguments, Offset(&t, &t.Column));
        Load(Outputs, Arguments, Offset(&t, &t.Outputs));
        Load(Starts, Arguments, Offset(&t, &t.Starts));
        Broadcast(Weight, Offset(&t, &t.Weight));
        Broadcast(Low, Offset(&t, &t.Low));
        Broadcast(High, Offset(&t, &t.High));
        Load(Target, Arguments, Offset(&t, &t.Scales));
        Load(Start, Arguments, Offset(&t, &t.Bias));
        var unbiased = code.CreateLabel();
        for (var c = 0; c < form.Columns; c++)
        {
            LoadVector(Scales + c, new MemoryOperand(Target, Column, 1, c * Bytes, 1));
            Broadcast(Bias + c, Offset(&t, &t.Nothing));
        }
        code.AddInstruction(Instruction.Create(Code.Test_rm64_r64, Start, Start));
        code.je(unbiased);
        for (var c = 0; c < form.Columns; c++) LoadVector(Bias + c, new MemoryOperand(Start, Column, 1, c * Bytes, 1));
        code.Label(ref unbiased);
        for (var i = 0; i < RowsAtOnce; i++)
        {
            Load(Target, Outputs, (first + i) * sizeof(void*));
            Load(Start, Starts, (first + i) * sizeof(void*));
            for (var c = 0; c < form.Columns; c++)
            {
                var (y, parity) = (Twos + (i * form.Columns) + c, Parities + (i * form.Columns) + c);
                CountOnes(parity, parity);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, y, y, y);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, y, y, parity);
                code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, y, y));
                Binary(Code.EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er, y, Weight, new MemoryOperand(Start, Column, 1, c * Bytes, 1));
                Binary(Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, y, y, Scales + c);
                Binary(Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, y, y, Bias + c);
                Binary(Code.EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae, y, Low, y);
                Binary(Code.EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae, y, High, y);
                StoreVector(new MemoryOperand(Target, Column, 1, c * Bytes, 1), y);
            }
        }
    }

    private void Broadcast(Register target, int offset) => code.AddInstruction(Instruction.Create(Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32, target, Memory(Arguments, offset)));

    private void CountOnes(Register target, Register source) => code.AddInstruction(Instruction.Create(Code.EVEX_Vpopcntd_zmm_k1z_zmmm512b32, target, source));

    private void Binary(Code operation, Register target, Register left, MemoryOperand right) => code.AddInstruction(Instruction.Create(operation, target, left, right));

    private void Binary(Code operation, Register target, Register left, Register right) => code.AddInstruction(Instruction.Create(operation, target, left, right));

    private void Ternary(Register target, Register second, Register third, int table) =>
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, target, second, third, table));
}
