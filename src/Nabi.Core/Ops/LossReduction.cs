namespace Nabi.Ops;

/// <summary>What a loss makes of the losses of its samples; ONNX <c>reduction</c>.</summary>
public enum LossReduction
{
    /// <summary>Their mean, weighted by the classes' weights when there are any.</summary>
    Mean,
    /// <summary>Their sum.</summary>
    Sum,
    /// <summary>One loss per sample.</summary>
    None,
}
