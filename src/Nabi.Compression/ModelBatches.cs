using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression;

/// <summary>How samples are prepared for a model that is only run: in order, none left out, normalized as its metadata say.</summary>
internal static class ModelBatches
{
    /// <summary>The options of a loader.</summary>
    public static BatchOptions Options(Graph graph, DataSet data, int batchSize)
    {
        var input = ModelInput.Of(graph, data);
        return new BatchOptions
        {
            BatchSize = batchSize,
            Shuffle = false,
            DropLast = false,
            Normalization = Normalization.From(graph) ?? Normalization.None(data.Channels),
            SampleShape = input.SampleShape,
            ChannelsLast = input.IsChannelsLast,
        };
    }
}
