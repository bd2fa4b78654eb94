using System.CommandLine;
using Nabi.Cli.Commands;

namespace Nabi.Cli;

/// <summary>The command line: its commands, its exit codes and what becomes of failures.</summary>
internal static class CommandLine
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Failed, with one clear sentence.</summary>
    public const int Failed = 1;

    /// <summary>The words were not understood.</summary>
    public const int Usage = 2;

    /// <summary>The accuracy budget was not met; the Pareto set is written all the same.</summary>
    public const int BudgetNotMet = 3;

    // What a shell expects of a program ended by a signal: given when a command does not end by itself soon after Ctrl-C.
    private const int Interrupted = 130, Terminated = 143;

    // What a command has to write down what is finished.
    private static readonly TimeSpan TimeToFinish = TimeSpan.FromSeconds(5);

    private const string Stopped = "nabi: stopped; what was finished is kept.";

    /// <summary>Parses and runs one command; never throws.</summary>
    public static async Task<int> RunAsync(string[] args, Screen screen)
    {
        var root = Root(screen);
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            if (parsed.CommandResult.Command == root && args is [{ } first, ..] && !first.StartsWith('-'))
                screen.Note($"nabi: There is no command '{first}'; there are {string.Join(", ", root.Subcommands.Select(c => c.Name))}.");
            else
                foreach (var error in parsed.Errors) screen.Note($"nabi: {error.Message}");
            screen.Note(parsed.CommandResult.Command == root ? "nabi: try 'nabi --help'." : $"nabi: try 'nabi {parsed.CommandResult.Command.Name} --help'.");
            return Usage;
        }
        try
        {
            var code = await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = TimeToFinish,
                Output = screen.Output,
                Error = screen.Error,
            });
            if (code is Interrupted or Terminated) screen.Note(Stopped);
            return code;
        }
        catch (Exception e)
        {
            return Explain(e, screen);
        }
    }

    /// <summary>The tree of commands.</summary>
    internal static RootCommand Root(Screen screen)
    {
        var json = new Option<bool>("--json") { Description = "One JSON document on standard output, everything else on standard error.", Recursive = true };
        var root = new RootCommand("Nabi makes neural networks light: train or import, shrink within an accuracy budget, export, compare.") { json };
        NabiCommand[] commands =
        [
            new QuickstartCommand(),
            new ModelsCommand(),
            new NewCommand(),
            new InspectCommand(),
            new TrainCommand(),
            new EvalCommand(),
            new RunCommand(),
            new BenchCommand(),
            new TuneCommand(),
            new CompressCommand(),
            new CompareCommand(),
            new DiagnoseCommand(),
            new ExportCommand(),
            new DataCommand(),
        ];
        foreach (var command in commands)
        {
            command.Attach(screen, json);
            root.Add(command);
        }
        ExampleHelp.InstallOn(root);
        return root;
    }

    private static int Explain(Exception e, Screen screen)
    {
        if (Environment.GetEnvironmentVariable("NABI_DEBUG") == "1") screen.Note(e.ToString());
        screen.Note(e is OperationCanceledException ? Stopped : "nabi: " + e switch
        {
            NabiException => e.Message,
            FileNotFoundException f => $"the file '{f.FileName}' does not exist; check the path.",
            UnauthorizedAccessException or IOException => $"{e.Message.TrimEnd('.')}; check the path, the permissions and the space left on the disk.",
            OutOfMemoryException => "there is not enough memory for this; try a smaller batch or a smaller model.",
            _ => $"an error inside Nabi ({e.GetType().Name}: {e.Message}); set NABI_DEBUG=1 to see where, and please report it.",
        });
        return Failed;
    }
}
