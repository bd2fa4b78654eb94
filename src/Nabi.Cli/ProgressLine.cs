namespace Nabi.Cli;

/// <summary>
/// Progress with rate and remaining time: one line redrawn on a terminal, a plain line every ten seconds when redirected.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RedirectedInterval = TimeSpan.FromSeconds(10);

    private readonly Screen _screen;
    private readonly TimeProvider _clock;
    private readonly string _title;
    private readonly long _started;
    private readonly Lock _gate = new();
    private long _shownAt;
    private int _shownLength;

    /// <summary>Starts the line.</summary>
    public ProgressLine(Screen screen, string title, TimeProvider clock)
    {
        (_screen, _title, _clock) = (screen, title, clock);
        _started = _shownAt = clock.GetTimestamp();
        if (!screen.IsTerminal) screen.Note($"{title} ...");
    }

    /// <summary>Says how far the work is; drawn at most ten times a second.</summary>
    /// <param name="fraction">Share done, 0 to 1.</param>
    /// <param name="detail">Loss, accuracy, rate and the like.</param>
    public void Report(double fraction, string detail)
    {
        lock (_gate)
        {
            if (_clock.GetElapsedTime(_shownAt) < (_screen.IsTerminal ? TerminalInterval : RedirectedInterval)) return;
            _shownAt = _clock.GetTimestamp();
            var elapsed = _clock.GetElapsedTime(_started);
            fraction = Math.Clamp(fraction, 0, 1);
            var left = fraction > 0.01 ? $"  {Clock(elapsed * ((1 - fraction) / fraction))} left" : "";
            Draw(_screen.IsTerminal
                ? $"{_title}  {Bar(fraction)} {fraction,4:P0}  {detail}{left}"
                : $"{_title}: {fraction:P0}  {detail}{left}");
        }
    }

    /// <summary>Ends the line with a summary.</summary>
    public void Done(string summary)
    {
        lock (_gate)
        {
            Erase();
            _screen.Note($"{_title}: {summary} ({Clock(_clock.GetElapsedTime(_started))})");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate) Erase();
    }

    /// <summary>Minutes and seconds, with hours when there are some.</summary>
    public static string Clock(TimeSpan time) =>
        time.TotalHours >= 1 ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";

    private static string Bar(double fraction)
    {
        const int cells = 20;
        var full = (int)Math.Round(fraction * cells);
        return new string('█', full) + new string('░', cells - full);
    }

    private void Draw(string line)
    {
        if (!_screen.IsTerminal)
        {
            _screen.Note(line);
            return;
        }
        if (line.Length >= _screen.Width) line = line[..(_screen.Width - 1)];
        _screen.Error.Write("\r" + line.PadRight(_shownLength));
        _shownLength = line.Length;
    }

    private void Erase()
    {
        if (_shownLength == 0) return;
        _screen.Error.Write("\r" + new string(' ', _shownLength) + "\r");
        _shownLength = 0;
    }
}
