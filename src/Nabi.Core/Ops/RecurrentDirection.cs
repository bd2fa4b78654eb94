namespace Nabi.Ops;

/// <summary>In which order a recurrent operator reads the steps; ONNX <c>direction</c>.</summary>
public enum RecurrentDirection
{
    /// <summary>From the first step to the last.</summary>
    Forward,
    /// <summary>From the last step to the first.</summary>
    Reverse,
    /// <summary>Both, with weights of their own; forward comes first in weights and outputs.</summary>
    Bidirectional,
}
