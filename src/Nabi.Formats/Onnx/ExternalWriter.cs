using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Puts the data of large tensors into a file beside the model.</summary>
internal sealed class ExternalWriter(Stream data, string location, long threshold)
{
    // Where readers map the file into memory, tensors start at pages.
    private const int Alignment = 4096;

    /// <summary>Writes a tensor outside when it is large enough; null when it is not.</summary>
    public TensorProto? Write(Tensor tensor, string name)
    {
        if (tensor.Bytes.Length < threshold) return null;
        var padding = (Alignment - data.Position % Alignment) % Alignment;
        data.Write(new byte[padding]);
        var proto = OnnxTensors.Header(tensor, name);
        proto.DataLocation = TensorProto.Types.DataLocation.External;
        proto.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = data.Position.ToString() });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = tensor.Bytes.Length.ToString() });
        data.Write(tensor.Bytes);
        return proto;
    }
}
