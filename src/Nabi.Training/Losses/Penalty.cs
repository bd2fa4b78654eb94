namespace Nabi.Training;

/// <summary>A term of the loss that depends on parameters alone, for example one that drives them to zero.</summary>
public abstract record Penalty
{
    /// <summary>Adds the term of one parameter.</summary>
    /// <param name="builder">Where nodes are added.</param>
    /// <param name="parameter">The parameter in the training graph.</param>
    /// <param name="original">The same parameter in the model, whose users tell its role.</param>
    /// <returns>A scalar, or null when the penalty does not concern this parameter.</returns>
    public abstract Value? Build(GraphBuilder builder, Value parameter, Value original);
}
