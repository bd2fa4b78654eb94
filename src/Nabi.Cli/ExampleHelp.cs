using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Nabi.Cli.Commands;

namespace Nabi.Cli;

/// <summary>The usual help, with the command's example below it.</summary>
internal sealed class ExampleHelp(HelpAction usual) : SynchronousCommandLineAction
{
    /// <summary>Puts this help in the place of the usual one.</summary>
    public static void InstallOn(RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
            if (option.Action is HelpAction usual) option.Action = new ExampleHelp(usual);
    }

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is NabiCommand command)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Example:");
            output.WriteLine($"  {command.Example}");
            output.WriteLine();
        }
        return code;
    }
}
