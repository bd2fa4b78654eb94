using System.Buffers.Binary;

namespace Nabi.Runtime.Emit;

/// <summary>
/// The few instructions of <see cref="SparseCode"/>, byte by byte: a layer has as many of them as numbers, for which a general assembler takes too long.
/// </summary>
/// <remarks>
/// The tile is at rax, the numbers at rcx, the sums at rdx. Displacements are bytes in units of the operand (EVEX disp8*N), -128 to 127, so both pointers
/// stand 128 units beyond the start of their window and move on by 256 units at a time; what of the tile lies between units or behind takes a displacement of
/// four bytes. Numbers must be given in ascending order.
/// </remarks>
internal sealed class SparseAssembler
{
    private const byte Rax = 0, Rcx = 1, Rdx = 2;
    private const int Window = 256;
    private const int RegisterBytes = 64;

    private byte[] bytes = new byte[4096];
    private int rowWindow;
    private int numberWindow;

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>The code.</summary>
    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, Length);

    /// <summary>Moves to the start of a cache line.</summary>
    public void Align()
    {
        while (Length % RegisterBytes != 0) Append(0x90);
    }

    /// <summary>Takes the arguments (tile, numbers, sums) of the system's calling convention.</summary>
    public void Enter()
    {
        if (OperatingSystem.IsWindows()) Append(0x48, 0x89, 0xc8, 0x48, 0x89, 0xd1, 0x4c, 0x89, 0xc2);   // mov rax, rcx; mov rcx, rdx; mov rdx, r8
        else Append(0x48, 0x89, 0xf8, 0x48, 0x89, 0xf1);   // mov rax, rdi; mov rcx, rsi
        (rowWindow, numberWindow) = (0, 0);
        Advance(Rax, Window / 2 * RegisterBytes);
        Advance(Rcx, Window / 2 * sizeof(float));
    }

    /// <summary>vpxord register, register, register; one of zmm16 to zmm31.</summary>
    public void Clear(int register)
    {
        Evex(map: 1, prefix: 1, register, second: register, broadcasts: false, rmIsUpper: true);
        Append(0xef, (byte)(0xc0 | ((register & 7) << 3) | (register & 7)));
    }

    /// <summary>vmovups register, [sums + place].</summary>
    public void LoadSum(int register, int place)
    {
        Evex(map: 1, prefix: 0, register, second: 0, broadcasts: false);
        Append(0x10, Address(register, Rdx), (byte)place);
    }

    /// <summary>vmovups register, [tile + offset].</summary>
    public void LoadTile(int register, int offset)
    {
        var row = offset / RegisterBytes;
        if (offset % RegisterBytes == 0)
            for (; row / Window > rowWindow; rowWindow++) Advance(Rax, Window * RegisterBytes);
        Evex(map: 1, prefix: 0, register, second: 0, broadcasts: false);
        if (offset % RegisterBytes == 0 && row / Window == rowWindow)
        {
            Append(0x10, Address(register, Rax), (byte)((row % Window) - (Window / 2)));
            return;
        }
        Append(0x10, (byte)(0x80 | ((register & 7) << 3) | Rax));
        AppendInt32(offset - (((rowWindow * Window) + (Window / 2)) * RegisterBytes));
    }

    /// <summary>vfmadd231ps sum, operand, [numbers + number] in every lane.</summary>
    public void MultiplyAdd(int sum, int operand, int number)
    {
        for (; number / Window > numberWindow; numberWindow++) Advance(Rcx, Window * sizeof(float));
        Evex(map: 2, prefix: 1, sum, operand, broadcasts: true);
        Append(0xb8, Address(sum, Rcx), (byte)((number % Window) - (Window / 2)));
    }

    /// <summary>vmovups [sums + place], register.</summary>
    public void StoreSum(int register, int place)
    {
        Evex(map: 1, prefix: 0, register, second: 0, broadcasts: false);
        Append(0x11, Address(register, Rdx), (byte)place);
    }

    /// <summary>vzeroupper; ret.</summary>
    public void Leave() => Append(0xc5, 0xf8, 0x77, 0xc3);

    // add pointer, bytes
    private void Advance(byte pointer, int by)
    {
        Append(0x48, 0x81, (byte)(0xc0 | pointer));
        AppendInt32(by);
    }

    private void AppendInt32(int number)
    {
        Span<byte> four = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(four, number);
        Append(four);
    }

    // Register, memory at a pointer, one byte of displacement.
    private static byte Address(int register, byte pointer) => (byte)(0x40 | ((register & 7) << 3) | pointer);

    // The four bytes before the opcode of a 512-bit instruction without mask. Register numbers are split: bits 3 and 4 stand here, inverted.
    private void Evex(byte map, byte prefix, int register, int second, bool broadcasts, bool rmIsUpper = false)
    {
        var (r, high) = (((register >> 3) & 1) ^ 1, ((register >> 4) & 1) ^ 1);
        var (rmHigh, rmLow) = rmIsUpper ? (((register >> 4) & 1) ^ 1, ((register >> 3) & 1) ^ 1) : (1, 1);
        Append(
            0x62,
            (byte)((r << 7) | (rmHigh << 6) | (rmLow << 5) | (high << 4) | map),
            (byte)(((~second & 15) << 3) | 4 | prefix),
            (byte)(0x40 | (broadcasts ? 0x10 : 0) | ((((second >> 4) & 1) ^ 1) << 3)));
    }

    private void Append(params ReadOnlySpan<byte> more)
    {
        if (Length + more.Length > bytes.Length) Array.Resize(ref bytes, 2 * bytes.Length);
        more.CopyTo(bytes.AsSpan(Length));
        Length += more.Length;
    }
}
