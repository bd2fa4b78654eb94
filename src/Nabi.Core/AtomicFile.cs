namespace Nabi;

/// <summary>Writes files completely or not at all: to a temporary name in the same folder, then moved over the final one.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file. On any failure an earlier file of that name stays as it was, and nothing is left beside it.</summary>
    /// <param name="path">The file; missing folders are made.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="NabiException">The path is a folder, or its folder is missing, full or not writable.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        if (Directory.Exists(path)) throw new NabiException($"'{path}' is a folder; name a file.");
        var temporary = Temporary(path);
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"'{path}' cannot be written: {Reason(e, path)}.", e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }

    /// <summary>Fails now rather than after long work when a file could not be written later. Nothing stays behind.</summary>
    /// <exception cref="NabiException">The path is a folder, or its folder cannot be made or written to.</exception>
    public static void EnsureWritable(string path)
    {
        if (Directory.Exists(path)) throw new NabiException($"'{path}' is a folder; name a file.");
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            using var probe = new FileStream(Temporary(path), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"'{path}' cannot be written: {Reason(e, path)}.", e);
        }
    }

    private static string Temporary(string path) => $"{path}.{Environment.ProcessId}.tmp";

    // The system's own words name the temporary file, which nobody knows.
    private static string Reason(Exception e, string path) => e switch
    {
        DirectoryNotFoundException => "its folder does not exist and cannot be made; choose another place",
        UnauthorizedAccessException => "its folder may not be written to; choose another place or change the permissions",
        IOException { HResult: 28 or unchecked((int)0x80070070) } => "the disk is full; free some space or choose another place",
        _ => e.Message.Replace(Temporary(path), path, StringComparison.Ordinal).TrimEnd('.') + "; choose another place",
    };
}
