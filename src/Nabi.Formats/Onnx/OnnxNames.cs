using System.Text;

namespace Nabi.Formats;

/// <summary>How ONNX spells what .NET spells otherwise: attribute names, enumeration members, domains.</summary>
internal static class OnnxNames
{
    // Attribute names that are not the snake case of the property, by operator and property ("" for every operator).
    private static readonly Dictionary<(string Op, string Property), string> Attributes = new()
    {
        [("", "TransA")] = "transA",
        [("", "TransB")] = "transB",
        [("", "TransBatchA")] = "transBatchA",
        [("", "TransBatchB")] = "transBatchB",
        [("", "KeepDims")] = "keepdims",
        [("", "AllowZero")] = "allowzero",
        [("", "DType")] = "dtype",
        [("", "FMod")] = "fmod",
        [("DepthToSpace", "BlockSize")] = "blocksize",
        [("SpaceToDepth", "BlockSize")] = "blocksize",
        [("DFT", "OneSided")] = "onesided",
        [("STFT", "OneSided")] = "onesided",
        [("", "OutputDType")] = "output_dtype",
    };

    /// <summary>The name of an attribute in a file.</summary>
    public static string Attribute(string op, string property) =>
        Attributes.TryGetValue((op, property), out var name) || Attributes.TryGetValue(("", property), out name) ? name : Snake(property);

    /// <summary>An enumeration member as the string an attribute holds.</summary>
    public static string Member(string attribute, string member) => (attribute, member) switch
    {
        ("auto_pad", "NotSet") => "NOTSET",
        ("auto_pad", _) => Snake(member).ToUpperInvariant(),
        ("mode", "Dcr" or "Crd") => member.ToUpperInvariant(),
        ("equation", _) => member,
        _ => Snake(member),
    };

    /// <summary>The domain of the standard operators has two spellings; one is used within.</summary>
    public static string Domain(string domain) => domain == "ai.onnx" ? "" : domain;

    /// <summary>PascalCase to snake_case.</summary>
    public static string Snake(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0 && !char.IsUpper(name[i - 1])) text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}
