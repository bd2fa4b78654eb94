using Iced.Intel;

namespace Nabi.Runtime.Emit;

/// <summary>What emitted micro-kernels have in common: they take a pointer to their arguments, keep what a callee must keep, and return nothing.</summary>
/// <param name="bytes">Bytes of a vector register: 64 or 32.</param>
internal abstract unsafe class TileEmitter(int bytes)
{
    protected const Register Arguments = Register.R15, Panel = Register.RDX, Inputs = Register.RDI, Taps = Register.R12, End = Register.R13, At = Register.R14;

    /// <summary>First vector register that a Windows callee preserves.</summary>
    private const int FirstPreserved = 6;

    protected static readonly Register[] Rows = [Register.RAX, Register.RBX, Register.RBP, Register.RSI, Register.R8, Register.R9, Register.R10, Register.R11];

    private static readonly Register[] Saved = [Register.RBX, Register.RBP, Register.RSI, Register.RDI, Register.R12, Register.R13, Register.R14, Register.R15];

    protected readonly Assembler code = new(64);

    protected int Bytes => bytes;

    /// <summary>How many of the vector registers 0 to 15 the code uses, counted from the first.</summary>
    protected abstract int LowRegisters { get; }

    protected static byte[] Finish(Assembler code)
    {
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), rip: 0);
        return stream.ToArray();
    }

    protected void Enter()
    {
        foreach (var register in Saved) code.AddInstruction(Instruction.Create(Code.Push_r64, register));
        Preserve(store: true);
        Move(Arguments, OperatingSystem.IsWindows() ? Register.RCX : Register.RDI);
    }

    protected void Leave()
    {
        Preserve(store: false);
        code.vzeroupper();
        for (var i = Saved.Length - 1; i >= 0; i--) code.AddInstruction(Instruction.Create(Code.Pop_r64, Saved[i]));
        code.ret();
    }

    // Windows asks callees to keep the lower halves of ymm6 to ymm15.
    private void Preserve(bool store)
    {
        const int Slot = 16;
        var count = OperatingSystem.IsWindows() ? LowRegisters - FirstPreserved : 0;
        if (count <= 0) return;
        if (store) AddTo(Register.RSP, -count * Slot);
        for (var i = 0; i < count; i++)
        {
            var (register, slot) = (Register.XMM0 + FirstPreserved + i, Memory(Register.RSP, i * Slot));
            code.AddInstruction(store
                ? Instruction.Create(Code.VEX_Vmovdqu_xmmm128_xmm, slot, register)
                : Instruction.Create(Code.VEX_Vmovdqu_xmm_xmmm128, register, slot));
        }
        if (!store) AddTo(Register.RSP, count * Slot);
    }

    protected void LoadVector(Register target, MemoryOperand source) => code.AddInstruction(Instruction.Create(
        bytes == 64 ? Code.EVEX_Vmovdqu32_zmm_k1z_zmmm512 : Code.VEX_Vmovdqu_ymm_ymmm256, target, source));

    protected void CopyVector(Register target, Register source) => code.AddInstruction(Instruction.Create(
        bytes == 64 ? Code.EVEX_Vmovdqa32_zmm_k1z_zmmm512 : Code.VEX_Vmovdqa_ymm_ymmm256, target, source));

    protected void StoreVector(MemoryOperand target, Register source) => code.AddInstruction(Instruction.Create(
        bytes == 64 ? Code.EVEX_Vmovdqu32_zmmm512_k1z_zmm : Code.VEX_Vmovdqu_ymmm256_ymm, target, source));

    /// <summary>The four bytes of a row that are next, in every lane.</summary>
    protected void BroadcastNext(Register target, Register row, int offset = 0) => code.AddInstruction(Instruction.Create(
        bytes == 64 ? Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32 : Code.VEX_Vpbroadcastd_ymm_xmmm32, target, new MemoryOperand(row, At, 1, offset, offset == 0 ? 0 : 1)));

    protected void Load(Register target, Register address, int offset) =>
        code.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, target, Memory(address, offset)));

    protected void Move(Register target, Register source) => code.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, target, source));

    protected void AddTo(Register target, int value) => code.AddInstruction(Instruction.Create(Code.Add_rm64_imm32, target, value));

    protected static MemoryOperand Memory(Register address, int offset) => new(address, offset, offset == 0 ? 0 : 1);

    protected static int Offset(void* start, void* field) => (int)((byte*)field - (byte*)start);
}
