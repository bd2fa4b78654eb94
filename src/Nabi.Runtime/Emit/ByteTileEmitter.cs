using Iced.Intel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Assembles a micro-kernel with the contract of <see cref="TileKernels"/> for rows of unsigned bytes times a packed panel of signed bytes.</summary>
/// <remarks>
/// <para>An element is four bytes, a lane of the panel four weights of one column: <c>vpdpbusd</c> adds their four products to a 32-bit sum, modulo 2^32
/// and without saturation. The code takes a <see cref="TileArguments"/>, starts from its bias, which is not null, and stores all rows.</para>
/// <para>Sums stand in the upper registers where there are 32, so that such code has no registers to preserve under the Windows calling convention unless it requantizes.</para>
/// </remarks>
internal sealed unsafe partial class ByteTileEmitter : TileEmitter
{
    private const int Broadcasts = 3;

    private readonly ByteTileForm form;

    private ByteTileEmitter(ByteTileForm form) : base(form.Registers == VectorForm.Zmm ? 64 : 32) => this.form = form;

    protected override int LowRegisters => form.Requantizes ? LastConstant + 1
        : form.Registers == VectorForm.Zmm ? form.Columns + Broadcasts
        : (form.Rows * form.Columns) + form.Columns + Broadcasts;

    /// <summary>The code of one micro-kernel; it contains no addresses and runs anywhere.</summary>
    public static byte[] Emit(ByteTileForm form)
    {
        var emitter = new ByteTileEmitter(form);
        if (form.Requantizes) emitter.Strip();
        else emitter.Kernel();
        return Finish(emitter.code);
    }

    /// <summary>Independent chains of <c>vpdpbusd</c> in registers, <see cref="PeakChains"/> in each of as many rounds as the argument says: what a core can do at most.</summary>
    public static byte[] EmitPeak(VectorForm registers)
    {
        var emitter = new ByteTileEmitter(new ByteTileForm(registers, 1, 1));
        var (code, loop) = (emitter.code, emitter.code.CreateLabel());
        for (var i = 0; i < PeakChains + 2; i++)
            code.AddInstruction(Instruction.Create(Code.VEX_Vpxor_xmm_xmm_xmmm128, Register.XMM0 + i, Register.XMM0 + i, Register.XMM0 + i));
        code.Label(ref loop);
        for (var i = 0; i < PeakChains; i++)
            emitter.MultiplyAdd(emitter.Vector(i), emitter.Vector(PeakChains), emitter.Vector(PeakChains + 1));
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, OperatingSystem.IsWindows() ? Register.RCX : Register.RDI));
        code.jne(loop);
        code.vzeroupper();
        code.ret();
        return Finish(code);
    }

    /// <summary>Chains of <see cref="EmitPeak"/>, which with their operands leave the registers alone that a callee preserves nowhere but on Windows.</summary>
    public const int PeakChains = 12;

    private void Kernel()
    {
        Enter();
        TileArguments t = default;
        Load(Panel, Arguments, Offset(&t, &t.Panel));
        Load(Inputs, Arguments, Offset(&t, &t.Inputs));
        code.AddInstruction(Instruction.Create(Code.Movsxd_r64_rm32, Taps, Memory(Arguments, Offset(&t, &t.Taps))));
        Load(End, Arguments, Offset(&t, &t.Depth));
        code.AddInstruction(Instruction.Create(Code.Shl_rm64_imm8, End, 2));
        StartSums(Offset(&t, &t.Bias));
        Accumulate((target, row) => BroadcastNext(target, row));
        Load(Register.RCX, Arguments, Offset(&t, &t.Outputs));
        for (var i = 0; i < form.Rows; i++)
        {
            Load(Register.RAX, Register.RCX, i * sizeof(void*));
            for (var c = 0; c < form.Columns; c++) StoreVector(Memory(Register.RAX, c * Bytes), Sum(i, c));
        }
        Leave();
    }

    private void StartSums(int bias)
    {
        Load(Register.RCX, Arguments, bias);
        for (var c = 0; c < form.Columns; c++)
        {
            LoadVector(Sum(0, c), Memory(Register.RCX, c * Bytes));
            for (var i = 1; i < form.Rows; i++) CopyVector(Sum(i, c), Sum(0, c));
        }
    }

    private void Accumulate(Action<Register, Register> broadcast, Action? afterWeights = null)
    {
        var (tap, depth) = (code.CreateLabel(), code.CreateLabel());
        code.Label(ref tap);
        for (var i = 0; i < form.Rows; i++) Load(Rows[i], Inputs, i * sizeof(void*));
        AddTo(Inputs, form.Rows * sizeof(void*));
        code.AddInstruction(Instruction.Create(Code.Xor_r32_rm32, Register.R14D, Register.R14D));
        code.Label(ref depth);
        for (var c = 0; c < form.Columns; c++) LoadVector(Weights(c), Memory(Panel, c * Bytes));
        afterWeights?.Invoke();
        for (var i = 0; i < form.Rows; i++)
        {
            var x = Broadcast(i % Broadcasts);
            broadcast(x, Rows[i]);
            for (var c = 0; c < form.Columns; c++) MultiplyAdd(Sum(i, c), x, Weights(c));
        }
        AddTo(Panel, 2 * Bytes);
        AddTo(At, sizeof(int));
        code.AddInstruction(Instruction.Create(Code.Cmp_r64_rm64, At, End));
        code.jl(depth);
        code.AddInstruction(Instruction.Create(Code.Dec_rm64, Taps));
        code.jne(tap);
    }

    // zmm: sums from 16 on, operands below 6. ymm: sums from 0 on, then weights, then broadcasts.
    private Register Sum(int row, int column) => Vector((form.Registers == VectorForm.Zmm ? 16 : 0) + (row * form.Columns) + column);

    private Register Weights(int column) => Vector((form.Registers == VectorForm.Zmm ? 0 : form.Rows * form.Columns) + column);

    private Register Broadcast(int i) => Weights(form.Columns + i);

    private Register Vector(int i) => (form.Registers == VectorForm.Zmm ? Register.ZMM0 : Register.YMM0) + i;

    private void MultiplyAdd(Register sum, Register unsigned, Register signed) => code.AddInstruction(Instruction.Create(
        form.Registers switch
        {
            VectorForm.Zmm => Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32,
            VectorForm.YmmEvex => Code.EVEX_Vpdpbusd_ymm_k1z_ymm_ymmm256b32,
            _ => Code.VEX_Vpdpbusd_ymm_ymm_ymmm256,
        },
        sum, unsigned, signed));
}
