using System.CommandLine;
using Nabi.Formats;
using Nabi.Training;

namespace Nabi.Cli.Commands;

/// <summary>Learning from more than labels: teachers, peers, the network itself.</summary>
internal sealed class GuidanceArguments
{
    private readonly Option<string[]> _teachers = new("--teacher") { Description = "A model file to distil from (Hinton et al. 2015); given several times, the mean of their softened probabilities.", DefaultValueFactory = _ => [] };
    private readonly Option<double> _alpha = new("--alpha") { Description = "Share of the teachers in the loss.", DefaultValueFactory = _ => 0.5 };
    private readonly Option<double> _temperature = new("--temperature") { Description = "Temperature that softens the teachers' scores.", DefaultValueFactory = _ => 4 };
    private readonly Option<double?> _attention = new("--attention") { Description = "Also follow the first teacher's attention (Zagoruyko and Komodakis 2017), with this beta; the paper uses 1000." };
    private readonly Option<double?> _hints = new("--hints") { Description = "Also predict the first teacher's middle features (FitNets, Romero et al. 2015), with this weight, for example 1." };
    private readonly Option<string[]> _layers = new("--layers") { Description = "Pairs student=teacher of layers for --attention and --hints; layers of equal size when not given.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
    private readonly Option<int?> _mutual = new Option<int?>("--mutual") { Description = "Train so many networks that teach each other (Zhang et al. 2018) and keep the first." }.Within(2, 64);
    private readonly Option<double?> _pastSelf = new("--past-self") { Description = "Learn from the predictions of the epoch before (PS-KD, Kim et al. 2021); their share in the last epoch, the paper's 0.8." };
    private readonly Option<bool> _ownTeacher = new("--own-teacher") { Description = "Let the deepest classifier teach exits behind earlier stages, which are removed afterwards (Zhang et al. 2019)." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _teachers, _alpha, _temperature, _attention, _hints, _layers, _mutual, _pastSelf, _ownTeacher }) command.Add(option);
    }

    /// <summary>The teachers, read.</summary>
    public IReadOnlyList<Graph> Teachers(ParseResult arguments) => [.. arguments.GetRequiredValue(_teachers).Select(ModelFile.Read)];

    /// <summary>How many networks teach each other; null when none do.</summary>
    public int? Cohort(ParseResult arguments) => arguments.GetValue(_mutual);

    /// <summary>The options of a training with what was asked for.</summary>
    /// <exception cref="NabiException">Features are asked for without a teacher.</exception>
    public TrainingOptions Apply(ParseResult arguments, TrainingOptions options, IReadOnlyList<Graph> teachers)
    {
        var (attention, hints) = (arguments.GetValue(_attention), arguments.GetValue(_hints));
        if (teachers.Count == 0 && (attention is not null || hints is not null)) throw new NabiException("Attention and hints come from a teacher; give one with --teacher.");
        var layers = arguments.GetRequiredValue(_layers);
        var guidance = new List<Guidance>();
        if (attention is { } beta) guidance.Add(new AttentionTransfer(teachers[0]) { Beta = beta, Layers = layers });
        if (hints is { } weight) guidance.Add(new Hints(teachers[0]) { Weight = weight, Layers = layers });
        if (arguments.GetValue(_ownTeacher)) guidance.Add(new OwnTeacher());
        return options with
        {
            Distillation = teachers.Count == 0 ? null : new Distillation(arguments.GetValue(_alpha), arguments.GetValue(_temperature)),
            Guidance = guidance.ToArray(),
            PastSelf = arguments.GetValue(_pastSelf) is { } share ? new PastSelf(share) : null,
        };
    }
}
