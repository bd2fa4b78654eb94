namespace Nabi.Models;

/// <summary>Which projections of <see cref="LinformerAttention"/> are one (Wang et al. 2020, section 4, "Parameter sharing between projections").</summary>
public enum LinformerSharing
{
    /// <summary>Every head of every layer has its own E and F.</summary>
    None,

    /// <summary>One E and one F per layer, for all its heads.</summary>
    Headwise,

    /// <summary>One E = F per layer, for keys and values of all its heads.</summary>
    KeyValue,

    /// <summary>One E = F for all layers.</summary>
    Layerwise,
}
