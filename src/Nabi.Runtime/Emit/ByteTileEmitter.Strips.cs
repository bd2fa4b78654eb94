using Iced.Intel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Kernels that do several tiles with one panel and store requantized bytes, with the contract of <see cref="StripArguments"/>.</summary>
internal sealed unsafe partial class ByteTileEmitter
{
    // Below the sums: weights 0 and 1, operands 2 to 4; after the products all five are free.
    private const Register InputFlip = Register.ZMM5, Multipliers = Register.ZMM6, Offsets = Register.ZMM8, Low = Register.ZMM9, High = Register.ZMM10,
        Doubtful = Register.ZMM11, Nearest = Register.ZMM12, Fields = Register.ZMM13, Order = Register.ZMM14, OutputFlip = Register.ZMM15;

    private const Register Scratch = Register.ZMM0, Bits = Register.ZMM2, Packed = Register.ZMM3;

    private const Register StoredColumns = Register.K7, Any = Register.K4;

    private const int LastConstant = 15;

    /// <summary>What is asked for next; the bias and the sums of a doubtful tile are found through it too, before and after the products.</summary>
    private const Register Ahead = Register.RCX;

    /// <summary>Registers of sums whose bytes make a full register.</summary>
    private const int Quad = 4;

    private void Strip()
    {
        StripArguments t = default;
        var (tile, doubt, end) = (code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
        Enter();
        LoadConstants();
        Load(Inputs, Arguments, Offset(&t, &t.Inputs));
        code.Label(ref tile);
        Load(Panel, Arguments, Offset(&t, &t.Panel));
        code.AddInstruction(Instruction.Create(Code.Movsxd_r64_rm32, Taps, Memory(Arguments, Offset(&t, &t.Taps))));
        Load(End, Arguments, Offset(&t, &t.Depth));
        code.AddInstruction(Instruction.Create(Code.Shl_rm64_imm8, End, 2));
        StartSums(Offset(&t, &t.Bias));
        if (!form.AsksAhead)
        {
            Accumulate(BroadcastFlipped);
        }
        else
        {
            Load(Ahead, Arguments, Offset(&t, &t.Next));
            Accumulate(BroadcastFlipped, AskAhead);
            code.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, Memory(Arguments, Offset(&t, &t.Next)), Ahead));
        }
        Requantize();
        code.AddInstruction(Instruction.Create(Code.EVEX_Vptestnmd_kr_k1_zmm_zmmm512b32, Any, Nearest, Nearest));
        code.AddInstruction(Instruction.Create(Code.VEX_Kortestw_kr_kr, Any, Any));
        code.jne(doubt);
        code.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, Memory(Arguments, Offset(&t, &t.Output)), Register.RAX));
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Memory(Arguments, Offset(&t, &t.Tiles))));
        code.jne(tile);
        code.Label(ref end);
        Leave();
        code.Label(ref doubt);
        Load(Register.RCX, Arguments, Offset(&t, &t.Sums));
        for (var i = 0; i < form.Rows; i++)
            for (var c = 0; c < form.Columns; c++) StoreVector(Memory(Register.RCX, ((2 * i) + c) * Bytes), Sum(i, c));
        code.jmp(end);
    }

    private void AskAhead()
    {
        StripArguments t = default;
        code.AddInstruction(Instruction.Create(Code.Prefetcht1_m8, Memory(Ahead, 0)));
        code.AddInstruction(Instruction.Create(Code.Add_r64_rm64, Ahead, Memory(Arguments, Offset(&t, &t.NextStep))));
    }

    private void LoadConstants()
    {
        StripArguments t = default;
        BroadcastField(InputFlip, Offset(&t, &t.InputFlip));
        BroadcastField(OutputFlip, Offset(&t, &t.OutputFlip));
        BroadcastField(Offsets, Offset(&t, &t.Offset));
        BroadcastField(Low, Offset(&t, &t.Low));
        BroadcastField(High, Offset(&t, &t.High));
        Load(Register.RCX, Arguments, Offset(&t, &t.Multipliers));
        for (var c = 0; c < form.Columns; c++) LoadVector(Multipliers + c, Memory(Register.RCX, c * Bytes));
        code.AddInstruction(Instruction.Create(Code.Mov_r32_imm32, Register.EAX, StoredFloat.DoubtfulProduct));
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpbroadcastd_zmm_k1z_r32, Doubtful, Register.EAX));
        // The stored values of two neighbouring columns, bits 15 and 47 of a quadword on, in all four words: the masks choose one.
        Constant(0x2f0f2f0f2f0f2f0f);
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpbroadcastq_zmm_k1z_r64, Fields, Register.RAX));
        for (var i = 1; i < Quad; i++)
        {
            Constant(0x0303030303030303UL << (2 * i));
            code.AddInstruction(Instruction.Create(Code.VEX_Kmovq_kr_r64, Register.K0 + i, Register.RAX));
        }
        Load(Register.RAX, Arguments, Offset(&t, &t.Columns));
        code.AddInstruction(Instruction.Create(Code.VEX_Kmovq_kr_r64, StoredColumns, Register.RAX));
        LoadOrder();
    }

    // Word 8 r + j of the result is word 4 j + r: columns 2 j and 2 j + 1 of register r. Those of register r are those of register 0 and r.
    private void LoadOrder()
    {
        Constant(0x000c000800040000);
        code.AddInstruction(Instruction.Create(Code.VEX_Vmovq_xmm_rm64, Register.XMM0, Register.RAX));
        Constant(0x001c001800140010);
        code.AddInstruction(Instruction.Create(Code.VEX_Vpinsrq_xmm_xmm_rm64_imm8, Register.XMM0, Register.XMM0, Register.RAX, 1));
        code.AddInstruction(Instruction.Create(Code.EVEX_Vshufi32x4_zmm_k1z_zmm_zmmm512b32_imm8, Order, Register.ZMM0, Register.ZMM0, 0));
        for (var i = 1; i < Quad; i++)
        {
            Constant(0x0001000100010001UL * (ulong)i);
            code.AddInstruction(Instruction.Create(Code.EVEX_Vpbroadcastq_zmm_k1z_r64, Register.ZMM1, Register.RAX));
            Constant(0xffUL << (8 * i));
            code.AddInstruction(Instruction.Create(Code.VEX_Kmovq_kr_r64, Any, Register.RAX));
            var add = Instruction.Create(Code.EVEX_Vpaddw_zmm_k1z_zmm_zmmm512, Order, Order, Register.ZMM1);
            add.OpMask = Any;
            code.AddInstruction(add);
        }
    }

    private void Requantize()
    {
        StripArguments t = default;
        Load(Register.RAX, Arguments, Offset(&t, &t.Output));
        Load(Register.RBX, Arguments, Offset(&t, &t.Stride));
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, Nearest, Nearest, Nearest, 0xff));
        var sums = form.Rows * form.Columns;
        for (var first = 0; first < sums; first += Quad)
        {
            var count = Math.Min(Quad, sums - first);
            for (var i = 0; i < count; i++) RoundInto(i, Sum(0, 0) + first + i, Multipliers + ((first + i) % form.Columns), Scratch + (i % 2));
            Binary(Code.EVEX_Vpermw_zmm_k1z_zmm_zmmm512, Packed, Order, Packed);
            Binary(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Packed, Packed, OutputFlip);
            for (var i = 0; i < count; i += form.Columns) StoreRow(i);
        }
    }

    private void RoundInto(int word, Register sum, Register multipliers, Register f)
    {
        code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, f, sum));
        Binary(Code.EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er, f, multipliers, Offsets);
        Binary(Code.EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Bits, f, Doubtful);
        Binary(Code.EVEX_Vpminud_zmm_k1z_zmm_zmmm512b32, Nearest, Nearest, Bits);
        Binary(Code.EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32, f, f, Low);
        Binary(Code.EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32, f, f, High);
        var pick = Instruction.Create(Code.EVEX_Vpmultishiftqb_zmm_k1z_zmm_zmmm512b64, Packed, Fields, f);
        if (word > 0) pick.OpMask = Register.K0 + word;
        code.AddInstruction(pick);
    }

    // Register i of the four, or two of them, go to where RAX points, which goes on to the next row.
    private void StoreRow(int i)
    {
        var isHalf = form.Columns == 2;
        var bytes = (isHalf ? Register.YMM0 : Register.XMM0) + 4;
        if (i > 0)
        {
            code.AddInstruction(isHalf
                ? Instruction.Create(Code.EVEX_Vextracti64x4_ymmm256_k1z_zmm_imm8, bytes, Packed, 1)
                : Instruction.Create(Code.EVEX_Vextracti32x4_xmmm128_k1z_zmm_imm8, bytes, Packed, i));
        }
        else
        {
            bytes = (isHalf ? Register.YMM0 : Register.XMM0) + (Packed - Register.ZMM0);
        }
        var store = Instruction.Create(isHalf ? Code.EVEX_Vmovdqu8_ymmm256_k1z_ymm : Code.EVEX_Vmovdqu8_xmmm128_k1z_xmm, Memory(Register.RAX, 0), bytes);
        store.OpMask = StoredColumns;
        code.AddInstruction(store);
        code.AddInstruction(Instruction.Create(Code.Add_rm64_r64, Register.RAX, Register.RBX));
    }

    private void BroadcastFlipped(Register target, Register row) => code.AddInstruction(Instruction.Create(
        Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, target, InputFlip, new MemoryOperand(row, At, 1, 0, 0, isBroadcast: true, Register.None)));

    private void BroadcastField(Register target, int field) =>
        code.AddInstruction(Instruction.Create(Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, target, Memory(Arguments, field)));

    private void Constant(ulong value) => code.AddInstruction(Instruction.Create(Code.Mov_r64_imm64, Register.RAX, value));

    private void Binary(Code operation, Register target, Register left, Register right) => code.AddInstruction(Instruction.Create(operation, target, left, right));
}
