using System.IO.Compression;

namespace Nabi.Training.Data;

/// <summary>Reads whole files, unpacked when they end in .gz, with memory bounded by what the compression can really hold.</summary>
internal static class DataFile
{
    /// <summary>DEFLATE cannot expand more than this (RFC 1951: 258 bytes from two bits, and a little).</summary>
    public const int MaxExpansion = 1032;

    /// <summary>The most that one file may hold after unpacking.</summary>
    public const long MaxBytes = 2_000_000_000;

    public static byte[] ReadAll(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (!IsGzip(path))
            {
                if (file.Length > MaxBytes) throw new NabiException($"File '{path}' has {file.Length} bytes; the limit is {MaxBytes}. Split it.");
                var bytes = new byte[file.Length];
                file.ReadExactly(bytes);
                return bytes;
            }
            using var unpacked = new GZipStream(file, CompressionMode.Decompress);
            return ReadBounded(unpacked, Math.Min(MaxBytes, file.Length * MaxExpansion), path);
        }
        catch (InvalidDataException e)
        {
            throw new NabiException($"File '{path}' is damaged: {e.Message} Fetch it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"File '{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads a stream to its end, or fails when it holds more than <paramref name="limit"/> bytes.</summary>
    public static byte[] ReadBounded(Stream stream, long limit, string source)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            if (memory.Length + read > limit) throw new NabiException($"'{source}' unpacks to more than {limit} bytes, which is not supported.");
            memory.Write(buffer, 0, read);
        }
        return memory.ToArray();
    }

    public static bool IsGzip(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The path itself or with .gz, whichever is there; null when neither is.</summary>
    public static string? Existing(string path) => File.Exists(path) ? path : File.Exists(path + ".gz") ? path + ".gz" : null;
}
