using System.CommandLine;

namespace Nabi.Cli.Commands;

/// <summary>One command: parse, call, show. The work is done by the libraries.</summary>
internal abstract class NabiCommand : Command
{
    private Screen? _screen;

    /// <summary>A command with its help and an example of its use.</summary>
    protected NabiCommand(string name, string description, string example) : base(name, description) => Example = example;

    /// <summary>A line that can be typed as it is.</summary>
    public string Example { get; }

    /// <summary>Where results are shown.</summary>
    protected Screen Screen => _screen ?? throw new InvalidOperationException("The command is not attached.");

    /// <summary>The clock of measurements and progress.</summary>
    protected TimeProvider Clock => TimeProvider.System;

    /// <summary>Connects the command to the screen and the global options.</summary>
    public void Attach(Screen screen, Option<bool> json)
    {
        _screen = screen;
        SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(json)) screen.UseJson();
            return Task.Run(() => Run(parsed, cancellation), CancellationToken.None);
        });
    }

    /// <summary>Does the work and returns the exit code.</summary>
    protected abstract int Run(ParseResult arguments, CancellationToken cancellation);
}
