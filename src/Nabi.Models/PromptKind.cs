namespace Nabi.Models;

/// <summary>What a prompt of a <see cref="PromptSegmenter"/> says.</summary>
public enum PromptKind
{
    /// <summary>Nothing: the place is not used.</summary>
    None,

    /// <summary>The point does not belong to the mask.</summary>
    Outside,

    /// <summary>The point belongs to the mask.</summary>
    Inside,

    /// <summary>The upper left corner of a box around the mask.</summary>
    UpperLeft,

    /// <summary>The lower right corner of a box around the mask.</summary>
    LowerRight,
}
