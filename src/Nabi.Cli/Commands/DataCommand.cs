using System.CommandLine;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi data</c>: known data sets and where they were found; <c>nabi data get</c> fetches one.</summary>
internal sealed class DataCommand : NabiCommand
{
    private readonly Argument<string?> _action = new("action") { Description = "get, or nothing to list.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _name = new("name") { Description = "The data set to get.", Arity = ArgumentArity.ZeroOrOne };

    public DataCommand()
        : base("data", "Lists the known data sets and where they were found; 'nabi data get fashion-mnist' fetches one.", "nabi data get fashion-mnist")
    {
        Add(_action);
        Add(_name);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        switch (arguments.GetValue(_action))
        {
            case null:
                List();
                return CommandLine.Done;
            case "get":
                return Get(arguments.GetValue(_name) ?? "fashion-mnist", cancellation);
            case var other:
                throw new NabiException($"'nabi data {other}' is not known; use 'nabi data' or 'nabi data get <name>'.");
        }
    }

    private void List()
    {
        var sets = DataSets.List();
        Screen.Table(null, ["name", "what", "where"], sets.Select(s => (IReadOnlyList<string>)[s.Name, s.Description, s.Location ?? $"not found: {s.HowToGet}"]));
        Screen.Document(sets);
    }

    private int Get(string name, CancellationToken cancellation)
    {
        var result = new DataFetch().Fetch(name, Screen.Note, cancellation);
        if (!result.IsAvailable) throw new NabiException(result.Message);
        Screen.Say(result.Message);
        Screen.Document(new { Name = name, DataSets.List().First(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Location });
        return CommandLine.Done;
    }
}
