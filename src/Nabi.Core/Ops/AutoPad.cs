namespace Nabi.Ops;

/// <summary>How padding is chosen; ONNX <c>auto_pad</c>.</summary>
public enum AutoPad
{
    /// <summary>The explicit pads count.</summary>
    NotSet,
    /// <summary>Output size is input size over stride, rounded up; an odd pad goes to the end.</summary>
    SameUpper,
    /// <summary>Output size is input size over stride, rounded up; an odd pad goes to the beginning.</summary>
    SameLower,
    /// <summary>No padding.</summary>
    Valid,
}
