using Iced.Intel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Assembles a micro-kernel with the contract of <see cref="TileKernels"/> that counts the bits in which rows differ from the columns of a packed panel, with AVX512-VPOPCNTDQ.</summary>
/// <remarks>
/// <para>.NET has no intrinsic for <c>vpopcntd</c>. With it a word of 32 bits costs three instructions: exclusive or, count, add. Two words at a time cost five, because not every bit is
/// counted: of the ones seen so far each bit position keeps the parity p. Two more bits x and y of it are, with p, c twos and one new parity, and only c is counted (a carry-save adder,
/// as in Harley and Seal's count). For words a, a' of the row and w, w' of the panel x = a ^ w, and p ^ x ^ y = p ^ (a ^ a') ^ (w ^ w'), one instruction of three inputs since the
/// differences a ^ a' and w ^ w' are what is stored (<see cref="BitFormat.IsPaired"/>); c, the majority of p, x and y, is x where p stayed and p where it changed, one more.</para>
/// <para>The result is 2 (sum of counted twos) + (count of the last parities), stored as a float, which holds it exactly. There is no bias, and every tap has an even number of words.</para>
/// </remarks>
internal sealed unsafe class BitTileEmitter : TileEmitter
{
    // Two panel registers of two words, the row's two words, and what a pair of words becomes.
    private const Register First = Register.ZMM0, Differences = Register.ZMM2, RowFirst = Register.ZMM4, RowDifference = Register.ZMM5, Carry = Register.ZMM6, Before = Register.ZMM7;

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
        for (var row = 0; row < form.Rows; row += emitter.RowsAtOnce) emitter.Rounds(row);
        emitter.Leave();
        return Finish(emitter.code);
    }

    // All taps for some rows; the panel stays in the first-level cache.
    private void Rounds(int first)
    {
        TileArguments t = default;
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
        StoreCounts(first);
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
            BroadcastNext(RowFirst, Rows[i]);
            BroadcastNext(RowDifference, Rows[i], sizeof(int));
            for (var c = 0; c < form.Columns; c++)
            {
                var (twos, parity) = (Twos + (i * form.Columns) + c, Parities + (i * form.Columns) + c);
                Binary(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Carry, RowFirst, First + c);
                CopyVector(Before, parity);
                Ternary(parity, RowDifference, Differences + c, Parity);
                Ternary(Carry, Before, parity, CarryOf);
                CountOnes(Carry, Carry);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, twos, twos, Carry);
            }
        }
    }

    private void StoreCounts(int first)
    {
        TileArguments t = default;
        Load(Register.RCX, Arguments, Offset(&t, &t.Outputs));
        for (var i = 0; i < RowsAtOnce; i++)
        {
            Load(Register.RAX, Register.RCX, (first + i) * sizeof(void*));
            for (var c = 0; c < form.Columns; c++)
            {
                var (twos, parity) = (Twos + (i * form.Columns) + c, Parities + (i * form.Columns) + c);
                CountOnes(parity, parity);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, twos, twos, twos);
                Binary(Code.EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, twos, twos, parity);
                code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, twos, twos));
                StoreVector(Memory(Register.RAX, c * Bytes), twos);
            }
        }
    }

    private void CountOnes(Register target, Register source) => code.AddInstruction(Instruction.Create(Code.EVEX_Vpopcntd_zmm_k1z_zmmm512b32, target, source));

    private void Binary(Code operation, Register target, Register left, Register right) => code.AddInstruction(Instruction.Create(operation, target, left, right));

    private void Ternary(Register target, Register second, Register third, int table) =>
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, target, second, third, table));
}
