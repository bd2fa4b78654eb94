namespace Nabi;

/// <summary>
/// Marks a record whose properties are attributes of the operator that holds it: <c>Conv.Window.Strides</c> is the attribute
/// <c>strides</c> of the convolution. Files hold them flat.
/// </summary>
public interface IAttributeGroup;
