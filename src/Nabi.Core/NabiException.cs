namespace Nabi;

/// <summary>
/// A failure the user can mend: the message is one clear sentence that names the file or node and says what to do.
/// Programs print it and exit with a non-zero code; they never show its stack.
/// </summary>
public class NabiException : Exception
{
    /// <summary>Creates the failure with its sentence.</summary>
    public NabiException(string message) : base(message) { }

    /// <summary>Creates the failure with its sentence and the failure underneath.</summary>
    public NabiException(string message, Exception? inner) : base(message, inner) { }
}
