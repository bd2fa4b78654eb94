using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Nabi.Runtime.Emit;

/// <summary>Machine code in pages of its own: written while they are writable, executable from then on, never both.</summary>
internal sealed unsafe partial class CodeMemory : SafeHandle
{
    private readonly nuint size;

    /// <summary>Takes the pages, copies the code and makes them executable.</summary>
    /// <exception cref="Win32Exception">The system gives no such memory: out of it, or its policy forbids new code.</exception>
    public CodeMemory(ReadOnlySpan<byte> code) : base(0, ownsHandle: true)
    {
        size = (nuint)code.Length;
        SetHandle(OperatingSystem.IsWindows() ? Windows.VirtualAlloc(0, size, Windows.CommitReserve, Windows.ReadWrite) : MapPages(size));
        if (IsInvalid) throw new Win32Exception();
        code.CopyTo(new Span<byte>(Start, code.Length));
        var executable = OperatingSystem.IsWindows()
            ? Windows.VirtualProtect(handle, size, Windows.ExecuteRead, out _) != 0
            : Unix.Protect(handle, size, Unix.Read | Unix.Execute) == 0;
        if (!executable) throw new Win32Exception();
    }

    /// <summary>First byte of the code.</summary>
    public byte* Start => (byte*)handle;

    public override bool IsInvalid => handle is 0 or -1;

    protected override bool ReleaseHandle() =>
        OperatingSystem.IsWindows() ? Windows.VirtualFree(handle, 0, Windows.Release) != 0 : Unix.Unmap(handle, size) == 0;

    private static nint MapPages(nuint bytes)
    {
        var anonymous = OperatingSystem.IsMacOS() ? Unix.AnonymousOnMacOS : Unix.AnonymousOnLinux;
        return Unix.Map(0, bytes, Unix.Read | Unix.Write, Unix.Private | anonymous, -1, 0);
    }

    private static partial class Unix
    {
        public const int Read = 1;
        public const int Write = 2;
        public const int Execute = 4;
        public const int Private = 2;
        public const int AnonymousOnLinux = 0x20;
        public const int AnonymousOnMacOS = 0x1000;

        [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
        public static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
        public static partial int Protect(nint address, nuint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
        public static partial int Unmap(nint address, nuint length);
    }

    private static partial class Windows
    {
        public const uint CommitReserve = 0x3000;
        public const uint Release = 0x8000;
        public const uint ReadWrite = 0x04;
        public const uint ExecuteRead = 0x20;

        [LibraryImport("kernel32", SetLastError = true)]
        public static partial nint VirtualAlloc(nint address, nuint size, uint type, uint protection);

        [LibraryImport("kernel32", SetLastError = true)]
        public static partial int VirtualProtect(nint address, nuint size, uint protection, out uint old);

        [LibraryImport("kernel32", SetLastError = true)]
        public static partial int VirtualFree(nint address, nuint size, uint type);
    }
}
