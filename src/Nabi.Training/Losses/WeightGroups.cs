namespace Nabi.Training;

/// <summary>
/// A weight [O, I] or [O, I, 1, 1] whose filters (axis 0) or inputs (axis 1) are split into groups: index i along the axis belongs to group i mod
/// <paramref name="Groups"/>. All weights of one group that belong to one index of the other axis, its feature, live or die together.
/// </summary>
/// <param name="Weight">Name of the parameter.</param>
/// <param name="Axis">The axis that is split, 0 or 1; its size is a multiple of the groups.</param>
/// <param name="Groups">Groups, at least 1.</param>
public sealed record WeightGroups(string Weight, int Axis, int Groups);
