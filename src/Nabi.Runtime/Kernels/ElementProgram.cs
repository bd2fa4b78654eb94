using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>What one instruction of an <see cref="ElementProgram"/> computes. Truth is 1, falsehood 0.</summary>
internal enum ElementKind
{
    /// <summary>The instruction's <see cref="ElementInstruction.Function"/> of a.</summary>
    Unary,

    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a * b.</summary>
    Multiply,

    /// <summary>a / b.</summary>
    Divide,

    /// <summary>The smaller, NaN if either is.</summary>
    Minimum,

    /// <summary>The larger, NaN if either is.</summary>
    Maximum,

    /// <summary>a &lt; b.</summary>
    Less,

    /// <summary>a = b.</summary>
    Equal,

    /// <summary>a is 0.</summary>
    Not,

    /// <summary>b where a is not 0, else c.</summary>
    Select,

    /// <summary>a where b is above 0, else 0: the gradient of Relu.</summary>
    GateAbove,
}

/// <summary>One instruction: numbers below the operand count name operands, the others registers.</summary>
internal record struct ElementInstruction(ElementKind Kind, Unary Function, int A, int B = 0, int C = 0)
{
    /// <summary>The register written, or -1 for the result.</summary>
    public int Target;
}

/// <summary>Where an operand's elements are relative to the result's: one stride per collapsed dimension, in elements, 0 where it broadcasts.</summary>
internal record struct ElementOperand
{
    /// <summary>Strides, outermost first, in the order the result lies in memory.</summary>
    public required long[] Strides { get; init; }

    /// <summary>Are the elements bytes (truth values) rather than floats?</summary>
    public bool IsByte { get; init; }
}

/// <summary>
/// Several elementwise operations done together, block by block in the first-level cache: operands are read and the result is written
/// once, whatever lies between stays in registers of a few hundred elements.
/// </summary>
internal sealed unsafe class ElementProgram
{
    /// <summary>Most dimensions after neighbouring ones are merged.</summary>
    public const int MaxRank = 8;

    /// <summary>Most operands, and most instructions.</summary>
    public const int MaxLength = 24;

    private const int BlockSize = 512;

    private readonly ElementInstruction[] _instructions;
    private readonly OperandState[] _operands;
    private readonly int[] _dims;
    private readonly int _count;
    private readonly int _registers;
    private readonly int _block;
    private readonly bool _writesBytes;

    /// <summary>Prepares a program.</summary>
    /// <param name="dims">Dimensions of the result in the order it lies in memory.</param>
    /// <param name="operands">The operands.</param>
    /// <param name="instructions">In order; instruction i writes value operands + i, the last one the result.</param>
    /// <param name="writesBytes">Is the result truth values, one byte each?</param>
    public ElementProgram(ReadOnlySpan<int> dims, ReadOnlySpan<ElementOperand> operands, ReadOnlySpan<ElementInstruction> instructions, bool writesBytes)
    {
        _writesBytes = writesBytes;
        _count = 1;
        foreach (var dim in dims) _count = checked(_count * dim);
        var strides = new List<long>[operands.Length];
        _dims = Collapse(dims, operands, strides);
        _operands = GC.AllocateArray<OperandState>(Math.Max(1, operands.Length), pinned: true);
        for (var i = 0; i < operands.Length; i++) _operands[i] = OperandState.Of(_dims, strides[i], operands[i].IsByte);
        _block = ChooseBlock();
        _instructions = GC.AllocateArray<ElementInstruction>(instructions.Length, pinned: true);
        instructions.CopyTo(_instructions);
        _registers = AssignRegisters(operands.Length);
    }

    /// <summary>Runs the program.</summary>
    /// <param name="pool">Shares the blocks.</param>
    /// <param name="operands">One address per operand.</param>
    /// <param name="target">The result; may be the address of an operand that does not broadcast.</param>
    public void Run(WorkPool pool, ReadOnlySpan<nint> operands, byte* target)
    {
        for (var i = 0; i < operands.Length; i++) _operands[i].Address = (byte*)operands[i];
        var kernel = new Blocks
        {
            Instructions = (ElementInstruction*)Unsafe.AsPointer(ref _instructions[0]), InstructionCount = _instructions.Length,
            Operands = (OperandState*)Unsafe.AsPointer(ref _operands[0]), OperandCount = operands.Length,
            Registers = _registers, Block = _block, Count = _count, Target = target, WritesBytes = _writesBytes, Rank = _dims.Length,
        };
        for (var i = 0; i < _dims.Length; i++) kernel.Dims[i] = _dims[i];
        pool.Run(ref kernel, (long)_count * _instructions.Length);
    }

    // Merges neighbouring dimensions that every operand walks through as one; drops dimensions of size 1.
    private static int[] Collapse(ReadOnlySpan<int> dims, ReadOnlySpan<ElementOperand> operands, List<long>[] strides)
    {
        for (var i = 0; i < strides.Length; i++) strides[i] = [];
        var merged = new List<int>();
        for (var axis = 0; axis < dims.Length; axis++)
        {
            if (dims[axis] == 1) continue;
            var joins = merged.Count > 0;
            for (var i = 0; i < strides.Length && joins; i++) joins = strides[i][^1] == operands[i].Strides[axis] * dims[axis];
            if (joins) merged[^1] *= dims[axis];
            else merged.Add(dims[axis]);
            for (var i = 0; i < strides.Length; i++)
            {
                if (joins) strides[i][^1] = operands[i].Strides[axis];
                else strides[i].Add(operands[i].Strides[axis]);
            }
        }
        if (merged.Count > 0) return [.. merged];
        foreach (var list in strides) list.Add(0);
        return [1];
    }

    // A block holds whole periods of every operand that repeats, so that such an operand is laid out once per run.
    private int ChooseBlock()
    {
        var unit = 1;
        foreach (ref var operand in _operands.AsSpan())
        {
            if (operand.Mode != OperandMode.Periodic) continue;
            var common = LeastCommonMultiple(unit, operand.Period);
            if (common <= 2 * BlockSize) unit = (int)common;
            else operand.Mode = OperandMode.Gathered;
        }
        return unit * Math.Max(1, BlockSize / unit);
    }

    // Registers are numbered again after their last use; an instruction may write a register it reads.
    private int AssignRegisters(int operandCount)
    {
        var last = new int[operandCount + _instructions.Length];
        for (var i = 0; i < _instructions.Length; i++)
        {
            ref var x = ref _instructions[i];
            last[x.A] = last[x.B] = last[x.C] = i;
        }
        var at = new int[last.Length];
        for (var i = 0; i < operandCount; i++) at[i] = i;
        var free = new Stack<int>();
        var used = 0;
        for (var i = 0; i < _instructions.Length; i++)
        {
            ref var x = ref _instructions[i];
            var (a, b, c) = (x.A, x.B, x.C);
            (x.A, x.B, x.C) = (at[a], at[b], at[c]);
            foreach (var read in (ReadOnlySpan<int>)[a, b, c])
            {
                if (read < operandCount || last[read] != i || at[read] < 0) continue;
                free.Push(at[read] - operandCount);
                at[read] = -1;
            }
            var isLast = i == _instructions.Length - 1;
            if (isLast && !_writesBytes)
            {
                x.Target = -1;
                continue;
            }
            var register = free.Count > 0 ? free.Pop() : used++;
            at[operandCount + i] = x.Target = operandCount + register;
        }
        return used;
    }

    private static long LeastCommonMultiple(int a, int b)
    {
        var (x, y) = (a, b);
        while (y != 0) (x, y) = (y, x % y);
        return (long)a / x * b;
    }

    private enum OperandMode
    {
        /// <summary>Lies exactly as the result does.</summary>
        Direct,

        /// <summary>Repeats itself every <see cref="OperandState.Period"/> elements.</summary>
        Periodic,

        /// <summary>Anything else: copied into a register block by block.</summary>
        Gathered,
    }

    private struct OperandState
    {
        public byte* Address;
        public OperandMode Mode;
        public int Period;
        public bool IsByte;
        public fixed long Strides[MaxRank];

        public static OperandState Of(int[] dims, List<long> strides, bool isByte)
        {
            var state = new OperandState { IsByte = isByte, Mode = OperandMode.Gathered };
            for (var i = 0; i < dims.Length; i++) state.Strides[i] = strides[i];
            var (inner, axis) = (1, dims.Length - 1);
            while (axis >= 0 && strides[axis] == inner && (long)inner * dims[axis] <= int.MaxValue) inner *= dims[axis--];
            if (axis < 0)
            {
                state.Mode = isByte ? OperandMode.Gathered : OperandMode.Direct;
            }
            else if (strides.TrueForAll(s => s == 0) || strides.Take(axis + 1).All(s => s == 0))
            {
                (state.Mode, state.Period) = (OperandMode.Periodic, strides[^1] == 0 ? 1 : inner);
            }
            return state;
        }
    }

    private struct Blocks : IKernel
    {
        public ElementInstruction* Instructions;
        public int InstructionCount;
        public OperandState* Operands;
        public int OperandCount;
        public int Registers;
        public int Block;
        public int Count;
        public int Rank;
        public byte* Target;
        public bool WritesBytes;
        public fixed int Dims[MaxRank];

        [SkipLocalsInit]
        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share((Count + Block - 1) / Block, worker, workers);
            if (first == last) return;
            var values = stackalloc float*[OperandCount + Registers];
            var stride = (Block + 15) / 16 * 16;
            var memory = stackalloc float[((OperandCount + Registers) * stride) + 16];
            memory = (float*)(((nint)memory + 63) & ~63);
            for (var i = 0; i < OperandCount + Registers; i++) values[i] = memory + (i * stride);
            for (var i = 0; i < OperandCount; i++)
                if (Operands[i].Mode == OperandMode.Periodic) Gather(Operands + i, 0, Math.Min(Block, Count), values[i]);
            for (var block = first; block < last; block++)
            {
                var start = block * Block;
                var count = Math.Min(Block, Count - start);
                for (var i = 0; i < OperandCount; i++)
                {
                    if (Operands[i].Mode == OperandMode.Direct) values[i] = (float*)Operands[i].Address + start;
                    else if (Operands[i].Mode == OperandMode.Gathered) Gather(Operands + i, start, count, values[i]);
                }
                for (var i = 0; i < InstructionCount; i++)
                {
                    var target = Instructions[i].Target < 0 ? (float*)Target + start : values[Instructions[i].Target];
                    Execute<L, V>(Instructions + i, values, target, count);
                }
                if (WritesBytes) StoreBytes(values[Instructions[InstructionCount - 1].Target], Target + start, count);
            }
        }

        private static void StoreBytes(float* from, byte* to, int count)
        {
            for (var i = 0; i < count; i++) to[i] = from[i] != 0 ? (byte)1 : (byte)0;
        }

        // Copies elements [start, start + count) of the broadcast operand, in runs along the innermost dimension.
        private readonly void Gather(OperandState* operand, int start, int count, float* to)
        {
            var index = stackalloc int[MaxRank];
            long offset = 0;
            for (int axis = Rank - 1, rest = start; axis >= 0; axis--)
            {
                (rest, index[axis]) = Math.DivRem(rest, Dims[axis]);
                offset += index[axis] * operand->Strides[axis];
            }
            var inner = Rank - 1;
            while (count > 0)
            {
                var run = Math.Min(count, Dims[inner] - index[inner]);
                CopyRun(operand, offset, operand->Strides[inner], run, to);
                to += run;
                count -= run;
                offset += run * operand->Strides[inner];
                index[inner] += run;
                for (var axis = inner; axis > 0 && index[axis] == Dims[axis]; axis--)
                {
                    offset += operand->Strides[axis - 1] - (Dims[axis] * operand->Strides[axis]);
                    index[axis] = 0;
                    index[axis - 1]++;
                }
            }
        }

        private static void CopyRun(OperandState* operand, long offset, long stride, int run, float* to)
        {
            if (operand->IsByte)
            {
                for (var i = 0; i < run; i++) to[i] = operand->Address[offset + (i * stride)] != 0 ? 1f : 0f;
                return;
            }
            var from = (float*)operand->Address + offset;
            if (stride == 0) new Span<float>(to, run).Fill(*from);
            else if (stride == 1) new ReadOnlySpan<float>(from, run).CopyTo(new Span<float>(to, run));
            else
                for (var i = 0; i < run; i++) to[i] = from[i * stride];
        }

        private static void Execute<L, V>(ElementInstruction* x, float** values, float* to, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (a, b, c) = ((nint)values[x->A], (nint)values[x->B], (nint)values[x->C]);
            var loop = new ElementLoop<L, V>((float*)a, (float*)b, (float*)c, to, count);
            switch (x->Kind)
            {
                case ElementKind.Unary: x->Function.Accept(ref loop); break;
                case ElementKind.Add: loop.Run(default(AddOf)); break;
                case ElementKind.Subtract: loop.Run(default(SubtractOf)); break;
                case ElementKind.Multiply: loop.Run(default(MultiplyOf)); break;
                case ElementKind.Divide: loop.Run(default(DivideOf)); break;
                case ElementKind.Minimum: loop.Run(default(MinimumOf)); break;
                case ElementKind.Maximum: loop.Run(default(MaximumOf)); break;
                case ElementKind.Less: loop.Run(default(LessOf)); break;
                case ElementKind.Equal: loop.Run(default(EqualOf)); break;
                case ElementKind.Not: loop.Run(default(NotOf)); break;
                case ElementKind.Select: loop.Run(default(SelectOf)); break;
                default: loop.Run(default(GateAboveOf)); break;
            }
        }
    }
}
