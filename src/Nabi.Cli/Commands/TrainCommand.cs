using System.CommandLine;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Training;
using Nabi.Training.Data;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi train</c>: trains a network of the zoo or fine-tunes a model.</summary>
internal sealed class TrainCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "A name from 'nabi models', or a model file to fine-tune." };
    private readonly Option<string> _data = DataArguments.Option();
    private readonly Option<int> _epochs = new Option<int>("--epochs") { Description = "Times the training set is gone through.", DefaultValueFactory = _ => 10 }.Within(1, 100_000);
    private readonly Option<int> _batch = new Option<int>("--batch") { Description = "Samples in a step.", DefaultValueFactory = _ => 64 }.Within(1, 65536);
    private readonly Option<double?> _rate = new("--lr") { Description = "Learning rate; when not given 0.05 for sgd (0.01 without batch normalization, 0.1 with adder layers), 0.001 for the others." };
    private readonly Option<string> _optimizer = new("--optimizer") { Description = "sgd (Nesterov momentum), adam, adamw or rmsprop.", DefaultValueFactory = _ => "sgd" };
    private readonly Option<string> _schedule = new("--schedule") { Description = "cosine, step or constant; each after a short warm-up.", DefaultValueFactory = _ => "cosine" };
    private readonly Option<double?> _decay = new("--weight-decay") { Description = "Weight decay; the optimizer's own when not given." };
    private readonly Option<double> _smoothing = new("--label-smoothing") { Description = "Share of the target spread over all classes.", DefaultValueFactory = _ => 0 };
    private readonly Option<string[]> _augment = new("--augment")
    {
        Description = "Any of crop, flip, translate, cutout, randaugment, mixup, separated by commas.",
        DefaultValueFactory = _ => [],
        CustomParser = r => [.. r.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))],
    };
    private readonly Option<bool> _progressive = new("--progressive")
    {
        Description = "Train in stages, from small images with little regularization to full size with much: dropout 0.1 to 0.3, RandAugment 5 to 10 (EfficientNetV2's progressive learning).",
    };
    private readonly Option<int> _stages = new Option<int>("--stages") { Description = "Stages of --progressive.", DefaultValueFactory = _ => 4 }.Within(2, 64);
    private readonly Option<double> _startSize = new("--start-size") { Description = "Size of the first images of --progressive as share of the last.", DefaultValueFactory = _ => 0.43 };
    private readonly Option<double> _strength = new("--strength") { Description = "Multiplies the regularization of --progressive; less than 1 suits small networks and short trainings.", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _stochasticDepth = new("--stochastic-depth") { Description = "How often the last residual branch is left out of a step; earlier ones less.", DefaultValueFactory = _ => 0 };
    private readonly Option<double?> _dropout = new("--dropout") { Description = "Ratio of the network's dropouts; its own when not given." };
    private readonly Option<bool> _recompute = new("--recompute") { Description = "Compute activations again instead of keeping them: less memory, more time." };
    private readonly Option<double?> _ema = new("--ema") { Description = "Keep and return an exponential moving average of the weights with this decay." };
    private readonly Option<double?> _clip = new("--clip") { Description = "Clip the gradient's norm." };
    private readonly GuidanceArguments _guidance = new();
    private readonly Option<string[]> _freeze = new("--freeze")
    {
        Description = "What a model file keeps: a number n for all but its last n layers, or beginnings of parameters' names, separated by commas; batch normalizations among it keep their statistics.",
        DefaultValueFactory = _ => [],
        CustomParser = r => [.. r.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))],
    };
    private readonly Option<double> _width = new("--width") { Description = "Width of a network of the zoo.", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _depth = new("--depth") { Description = "Depth of a network of the zoo, in families that have stages.", DefaultValueFactory = _ => 1 };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of weights, order and augmentation.", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _checkpoint = new("--checkpoint") { Description = "A file to save the training in after every epoch, and to go on from when it is there." };
    private readonly Option<int> _checkpointSteps = new Option<int>("--checkpoint-steps") { Description = "Save the checkpoint every so many steps instead; 0 for every epoch.", DefaultValueFactory = _ => 0 }.Within(0, int.MaxValue);
    private readonly NormalizationArguments _normalization = new();
    private readonly Option<int?> _limit = new Option<int?>("--limit") { Description = "Use only the first samples of the training set." }.Within(1, int.MaxValue);
    private readonly Option<string?> _output = new("--output", "-o") { Description = "The file to write; trained.onnx when not given." };

    public TrainCommand()
        : base("train", "Trains a network of the zoo from scratch, or fine-tunes a model file.", "nabi train resnet8 --data cifar10 --epochs 20 --augment crop,flip -o resnet8.onnx")
    {
        Option[] options =
        [
            _data, _epochs, _batch, _rate, _optimizer, _schedule, _decay, _smoothing, _augment, _progressive, _stages, _startSize, _strength, _stochasticDepth, _dropout, _recompute, _ema, _clip, _freeze, _width, _depth, _seed, _checkpoint, _checkpointSteps, _limit, _output,
        ];
        Add(_model);
        foreach (var option in options) Add(option);
        _guidance.AddTo(this);
        _normalization.AddTo(this);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var path = arguments.GetValue(_output) ?? "trained.onnx";
        ModelFile.EnsureWritable(path);
        var splits = DataSets.Find(arguments.GetRequiredValue(_data));
        var train = arguments.GetValue(_limit) is { } limit ? splits.Train.Take(limit) : splits.Train;
        var (graph, network) = Start(arguments, train);
        var teachers = _guidance.Teachers(arguments);
        var options = _guidance.Apply(arguments, OptionsOf(arguments, graph), teachers);
        var checkpoint = arguments.GetValue(_checkpoint);
        var result = Progresses.Train(Screen, Clock, $"training {graph.Name} on {train.Name}", Training(arguments, graph, train, options, teachers), cancellation);
        var model = network?.WithLearned(result.Model) ?? result.Model;
        ModelFile.Write(model, path);
        if (!result.IsComplete) return Stopped(path, checkpoint, result, options);
        if (options.Loss is Reconstruction) return Reconstructed(path, result, splits.Test);
        var evaluation = Progresses.Evaluate(Screen, Clock, model, splits.Test, cancellation);
        Screen.Say($"{path}: accuracy {Format.Percent(evaluation.Accuracy)} on the {evaluation.Samples} test samples, {result.SamplesPerSecond:N0} training samples/s");
        Show(path, result, evaluation);
        return CommandLine.Done;
    }

    private Func<IProgress<TrainingProgress>, CancellationToken, TrainingResult> Training(ParseResult arguments, Graph graph, DataSet train, TrainingOptions options, IReadOnlyList<Graph> teachers)
    {
        var checkpoints = arguments.GetValue(_checkpoint) is { } file ? new CheckpointOptions(file, arguments.GetValue(_checkpointSteps)) : null;
        if (_guidance.Cohort(arguments) is { } networks)
            return (progress, cancellation) => new MutualTraining([graph, .. Peers(arguments, train, networks - 1)], train, options, checkpoints: checkpoints).Run(progress, cancellation)[0];
        return arguments.GetValue(_progressive)
            ? new ProgressiveTrainer(graph, train, options, ProgressiveOf(arguments)) { Checkpoints = checkpoints }.Run
            : new Trainer(graph, train, options) { Teachers = teachers, Checkpoints = checkpoints }.Run;
    }

    private ProgressiveLearning ProgressiveOf(ParseResult arguments)
    {
        var (usual, none, strength) = (new ProgressiveLearning(), default(Regularization), arguments.GetValue(_strength));
        return usual with
        {
            Stages = arguments.GetValue(_stages),
            StartSize = arguments.GetValue(_startSize),
            Start = none.Towards(usual.Start, strength),
            End = none.Towards(usual.End, strength),
        };
    }

    private int Reconstructed(string path, TrainingResult result, DataSet test)
    {
        var error = Evaluator.ReconstructionErrors(result.Model, test).Average();
        Screen.Say($"{path}: mean squared error {error:0.0000} on the {test.Count} test samples, {result.SamplesPerSecond:N0} training samples/s");
        Screen.Document(new { Path = path, Error = error, Samples = test.Count, result.IsComplete, result.Steps, result.SamplesPerSecond, result.History });
        return CommandLine.Done;
    }

    // Whoever stops a training wants the prompt back: the model is kept as it is, not measured.
    private int Stopped(string path, string? checkpoint, TrainingResult result, TrainingOptions options)
    {
        Screen.Note($"nabi: stopped after {result.Steps} steps, {result.History.Count} of {options.Epochs} epochs; {path} holds the model as it was then"
            + (checkpoint is null ? "." : $", and the same command goes on from {checkpoint}."));
        Show(path, result, null);
        return CommandLine.Failed;
    }

    private void Show(string path, TrainingResult result, Evaluation? evaluation) => Screen.Document(new
    {
        Path = path, evaluation?.Accuracy, evaluation?.Loss, evaluation?.Samples, result.IsComplete, result.Steps, result.SamplesPerSecond, result.History,
    });

    // What trains, and the network that takes over its weights where that is another graph.
    private (Graph Trained, Graph? Network) Start(ParseResult arguments, DataSet train)
    {
        var model = arguments.GetRequiredValue(_model);
        if (File.Exists(model)) return (WithHeadFor(train, ModelFile.Read(model), arguments.GetValue(_seed)), null);
        var (entry, options) = (Zoo.Find(model), NetworkOptions(arguments, train));
        return (entry.CreateForTraining(options), entry.BuildTraining is null ? null : entry.Create(options));
    }

    // A classifier of other classes gets a new last layer; what is before it is what the training starts from.
    private Graph WithHeadFor(DataSet train, Graph model, ulong seed)
    {
        var classes = train.ClassNames.Count;
        if (IsAutoencoder(model) || model.Outputs is not [{ Value.Shape: { IsRanked: true, Rank: >= 2 } scores }, ..] || scores[1] == classes || scores[1] == Shape.Unknown) return model;
        Screen.Note($"nabi: {model.Name} tells {scores[1]} classes apart and {train.Name} has {classes}: its last layer starts anew.");
        return NewHead.Of(model, classes, seed);
    }

    private ModelOptions NetworkOptions(ParseResult arguments, DataSet train) => new()
    {
        Width = arguments.GetValue(_width),
        Depth = arguments.GetValue(_depth),
        Input = Zoo.Find(arguments.GetRequiredValue(_model)).IsAutoencoder ? [train.SampleSize] : train.IsImages ? train.SampleShape : null,
        Classes = train.ClassNames.Count,
        Seed = arguments.GetValue(_seed),
    };

    // More networks of the same kind with other initial weights.
    private Graph[] Peers(ParseResult arguments, DataSet train, int count)
    {
        var model = arguments.GetRequiredValue(_model);
        if (File.Exists(model)) throw new NabiException("A cohort starts from different weights; name a network of the zoo for --mutual.");
        var options = NetworkOptions(arguments, train);
        return [.. Enumerable.Range(1, count).Select(i => Zoo.Find(model).Create(options with { Seed = options.Seed + (ulong)i }))];
    }

    private TrainingOptions OptionsOf(ParseResult arguments, Graph graph)
    {
        var optimizer = Optimizer(arguments.GetRequiredValue(_optimizer));
        if (arguments.GetValue(_decay) is { } decay) optimizer = optimizer with { WeightDecay = decay };
        var names = arguments.GetRequiredValue(_augment);
        return new TrainingOptions
        {
            Epochs = arguments.GetValue(_epochs),
            BatchSize = arguments.GetValue(_batch),
            Optimizer = optimizer,
            LearningRate = arguments.GetValue(_rate) ?? TrainingOptions.UsualLearningRate(graph, optimizer),
            Schedule = new WarmUp(Schedule(arguments.GetRequiredValue(_schedule))),
            Loss = IsAutoencoder(graph) ? new Reconstruction() : new CrossEntropy(arguments.GetValue(_smoothing)),
            Dropout = arguments.GetValue(_dropout),
            StochasticDepth = arguments.GetValue(_stochasticDepth),
            Augmentations = [.. names.Where(n => n != "mixup").Select(Augmentation)],
            Mixup = names.Contains("mixup") ? new Mixup() : null,
            Recompute = arguments.GetValue(_recompute),
            EmaDecay = arguments.GetValue(_ema),
            ClipNorm = arguments.GetValue(_clip),
            Frozen = arguments.GetRequiredValue(_freeze) is { Length: > 0 } freeze ? LayerFreezing.Parameters(graph, freeze) : [],
            Normalization = _normalization.Of(arguments),
            Seed = arguments.GetValue(_seed),
        };
    }

    private static bool IsAutoencoder(Graph graph) => graph.Metadata.TryGetValue(MetadataKeys.Architecture, out var name)
        && Zoo.All.Any(e => e.IsAutoencoder && e.Name == name);

    private static Optimizer Optimizer(string name) => name switch
    {
        "sgd" => new Sgd(),
        "adam" => new Adam(),
        "adamw" => new AdamW(),
        "rmsprop" => new RmsProp(),
        _ => throw new NabiException($"There is no optimizer '{name}'; use sgd, adam, adamw or rmsprop."),
    };

    private static Schedule Schedule(string name) => name switch
    {
        "cosine" => new Cosine(),
        "step" => new StepDecay(),
        "constant" => new Constant(),
        _ => throw new NabiException($"There is no schedule '{name}'; use cosine, step or constant."),
    };

    private static Augmentation Augmentation(string name) => name switch
    {
        "crop" => new RandomCrop(),
        "flip" => new HorizontalFlip(),
        "translate" => new Translate(),
        "cutout" => new Cutout(),
        "randaugment" => new RandAugment(),
        _ => throw new NabiException($"There is no augmentation '{name}'; use crop, flip, translate, cutout, randaugment or mixup."),
    };
}
