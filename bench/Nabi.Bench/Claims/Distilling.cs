using Nabi.Compression.Distillation;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>A student with and without teachers: scores of one, of an ensemble, attention and hints.</summary>
internal sealed class Distilling : Claim
{
    private const string Set = "fashion-mnist";
    private const int Samples = 5_000;
    private const double Width = 0.25;
    private static readonly TrainingOptions Training = new() { Epochs = 10 };

    public override string Name => "distillation";

    public override string Paper => "Hinton, Vinyals and Dean 2015, sections 2 and 3; Romero et al. 2015, FitNets; Zagoruyko and Komodakis 2017, Attention Transfer";

    public override string Statement => "A student learns more from a teacher's softened scores than from labels alone; features as hints and attention maps help as well.";

    public override void Run(ClaimRun run)
    {
        run.Say($"Teachers: nabi-small on all of Fashion-MNIST, 4 epochs. Students: nabi-small at width {Width} on the first {Samples:N0} training samples, {Training.Epochs} epochs each, alpha 0.9, T 4; hints: 3 of them for the first stage.");
        var data = run.Data(Set).Train.Take(Samples);
        Graph[] teachers = [.. Enumerable.Range(1, 3).Select(s => run.Trained("nabi-small", Set, new TrainingOptions { Epochs = 4, Seed = (ulong)s }))];
        run.Say($"Accuracy of the teachers: {string.Join(", ", teachers.Select(t => ClaimRun.Percent(run.Accuracy(t, Set))))}.");
        run.Head("student learns from", "accuracy");
        Row("labels", s => Student(s, [], o => o));
        Row("one teacher", s => Student(s, teachers[..1], o => o));
        Row("three teachers", s => Student(s, teachers, o => o));
        Row("labels, attention", s => Student(s, [], o => o with { Guidance = [new AttentionTransfer(teachers[0])] }));
        Row("one teacher, attention", s => Student(s, teachers[..1], o => o with { Guidance = [new AttentionTransfer(teachers[0])] }));
        Row("labels, hints", s => Student(s, [], o => o with { Guidance = [new Hints(teachers[0])] }));
        Row("hints, then one teacher", InTwoStages);

        void Row(string what, Func<ulong, Graph> train) => run.Row(what, ClaimRun.Percent([.. run.Seeds.Select(s => run.Accuracy(train(s), Set))]));

        Graph Student(ulong seed, Graph[] from, Func<TrainingOptions, TrainingOptions> with, Graph? start = null)
        {
            var options = Training with { Seed = seed, Normalization = Nabi.Training.Data.Normalization.From(teachers[0]), Distillation = from.Length == 0 ? null : new Distillation(0.9) };
            return new Trainer(start ?? run.Untrained("nabi-small", Set, seed, Width), data, with(options)) { Teachers = from, Threads = run.Threads }.Run().Model;
        }

        Graph InTwoStages(ulong seed)
        {
            var context = run.Context(Set, seed, teachers[0]) with { Training = data };
            var start = run.Untrained("nabi-small", Set, seed, Width).WithMetadata(teachers[0].Metadata);
            return Student(seed, teachers[..1], o => o with { Epochs = Training.Epochs - 3 }, new MatchHints { Epochs = 3 }.Apply(start, context));
        }
    }
}
