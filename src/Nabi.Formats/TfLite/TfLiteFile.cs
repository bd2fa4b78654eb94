namespace Nabi.Formats;

/// <summary>
/// TensorFlow Lite models (schema 3) as graphs. Channels of images lie second, as everywhere in Nabi: images that the file wants as [N, H, W, C] are inputs
/// [N, C, H, W] here. Integers at inputs and outputs appear as the real numbers they stand for, between QuantizeLinear and DequantizeLinear.
/// </summary>
public static class TfLiteFile
{
    /// <summary>Reads a model.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="NabiException">The file is missing, damaged or uses something Nabi does not have; the message names file and operator.</exception>
    public static Graph Read(string path) => Import(ModelFile.ReadBytes(path), Path.GetFileName(path));

    /// <summary>Reads a model.</summary>
    /// <param name="stream">The model's bytes, to the end of the stream.</param>
    /// <param name="name">What messages call the model.</param>
    /// <exception cref="NabiException">The model is damaged or uses something Nabi does not have.</exception>
    public static Graph Read(Stream stream, string name = "the model")
    {
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return Import(bytes.ToArray(), name);
    }

    private static Graph Import(byte[] bytes, string name)
    {
        try
        {
            return TfLiteImporter.Import(TfLiteModel.Read(bytes));
        }
        catch (NabiException e)
        {
            var sentence = e.Message.EndsWith('.') ? e.Message : e.Message + ".";
            throw new NabiException($"{name}: {sentence}", e);
        }
    }
}
