namespace Nabi.Models;

/// <summary>One network of the zoo, at the size of its paper.</summary>
/// <param name="Name">The name on the command line: lower case, words joined by hyphens.</param>
/// <param name="Paper">Authors, year, title, and the table or section the numbers are from.</param>
/// <param name="Input">The shape of one sample: channels, height and width for images.</param>
/// <param name="Classes">Classes at the output; values at the output when it is no classifier.</param>
/// <param name="Lightness">What makes it light, in a few words.</param>
/// <param name="Build">Builds it for validated options; <see cref="ModelOptions.Input"/> and <see cref="ModelOptions.Classes"/> are filled in.</param>
public sealed record ModelEntry(string Name, string Paper, Shape Input, int Classes, string Lightness, Func<ModelOptions, Graph> Build)
{
    private const int MaxSide = 65536;

    /// <summary>Parameters the reference states, or null.</summary>
    public long? ReferenceParameters { get; init; }

    /// <summary>Multiply-accumulates the reference states for one input, or null.</summary>
    public long? ReferenceMacs { get; init; }

    /// <summary>Why the counts differ from the reference's by more than 1 % (parameters) or 2 % (MACs), with the arithmetic; null when they do not.</summary>
    public string? Difference { get; init; }

    /// <summary>Is its output its input again? Then <see cref="ModelOptions.Classes"/> means nothing, and it learns by <c>Reconstruction</c>. Default false.</summary>
    public bool IsAutoencoder { get; init; }

    /// <summary>
    /// Builds the graph that learns the weights, for validated options, where that is another graph than the network: it has the network's parameters by name, and may have
    /// an output that is added to the loss (<see cref="MetadataKeys.AuxiliaryLoss"/>). Null when the network itself is trained.
    /// </summary>
    public Func<ModelOptions, Graph>? BuildTraining { get; init; }

    /// <summary>Counts the network at its paper's size, without drawing weights.</summary>
    public GraphSummary Count() => GraphSummary.Of(Create(new ModelOptions { IsOnlyCounted = true }));

    /// <summary>Builds the network with an unknown batch size.</summary>
    /// <exception cref="NabiException">An option is out of range, or the network does not fit the input.</exception>
    public Graph Create(ModelOptions? options = null) => Create(Build, options);

    /// <summary>Builds the graph that learns the weights; the network itself where there is no other.</summary>
    /// <inheritdoc cref="Create(ModelOptions?)"/>
    public Graph CreateForTraining(ModelOptions? options = null) => Create(BuildTraining ?? Build, options);

    private Graph Create(Func<ModelOptions, Graph> build, ModelOptions? options)
    {
        options = (options ?? new ModelOptions()).Validated();
        if (options.Input is { } input && (input.Rank != Input.Rank || !input.IsKnown || input.Any(d => d is < 1 or > MaxSide)))
            throw new NabiException($"The input {string.Join('x', input)} is not possible for {Name}; its samples have the shape {string.Join('x', Input)}, where each size may be 1 to {MaxSide}.");
        var graph = build(options with { Input = options.Input ?? Input, Classes = options.Classes ?? Classes });
        return graph.WithMetadata(graph.Metadata.SetItem(MetadataKeys.Architecture, Name));
    }
}
