namespace Nabi.Training;

/// <summary>
/// A term of the loss that looks inside the network while it is trained: at its features, at a teacher's, at its other outputs. What it has to learn
/// beside the network lives in the training graph only, so that the trained network has neither more nodes nor more parameters than before. Adding a way
/// of guiding is adding its file.
/// </summary>
public abstract record Guidance
{
    /// <summary>The network whose features are looked at, when there is one: it is run on what the student sees and does not change.</summary>
    public virtual Graph? Teacher => null;

    /// <summary>What is wrong with the settings, as a sentence; null when nothing is.</summary>
    public virtual string? Fault => null;

    /// <summary>Adds the term.</summary>
    /// <param name="context">The network under training, its teacher, labels and scores.</param>
    /// <returns>A scalar that is added to the loss.</returns>
    /// <exception cref="NabiException">Network and teacher do not fit together.</exception>
    public abstract Value Build(GuidanceContext context);
}
