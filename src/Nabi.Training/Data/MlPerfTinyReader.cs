namespace Nabi.Training.Data;

/// <summary>The accuracy sets of MLPerf Tiny: one file of samples and a list of (name, classes, label) in the same order.</summary>
internal static class MlPerfTinyReader
{
    // Scale and zero point of the 8-bit features, as the benchmark's keyword model declares its input.
    private const float KeywordScale = 0.5847029089927673f;
    private const int KeywordZero = 83;

    public static readonly IReadOnlyList<string> KeywordNames =
        ["Down", "Go", "Left", "No", "Off", "On", "Right", "Stop", "Up", "Yes", "Silence", "Unknown"];

    /// <summary>ic01: 200 CIFAR-10 images, bytes, channels last. It only measures: both splits are the same samples.</summary>
    public static DataSplits? ReadImages(string name, string folder)
    {
        if (Find(folder, "ic01") is not var (samplePath, labelPath)) return null;
        var bytes = PixelOrder.ToChannelsFirst(DataFile.ReadAll(samplePath), 3, 1024);
        var data = DataSet.Of(name, [3, 32, 32], bytes, Labels(labelPath), CifarReader.ClassNames);
        return new DataSplits(name, data, data, samplePath);
    }

    /// <summary>kws01: 1,000 times 49 x 10 MFCC features as signed bytes, read as the features they stand for.</summary>
    public static DataSplits? ReadKeywords(string name, string folder)
    {
        if (Find(folder, "kws01") is not var (samplePath, labelPath)) return null;
        var features = Array.ConvertAll(DataFile.ReadAll(samplePath), b => ((sbyte)b - KeywordZero) * KeywordScale);
        var data = DataSet.Of(name, [1, 49, 10], features, Labels(labelPath), KeywordNames);
        return new DataSplits(name, data, data, samplePath);
    }

    private static (string Samples, string Labels)? Find(string folder, string stem) =>
        DataFile.Existing(Path.Combine(folder, stem + ".bin")) is { } samples && DataFile.Existing(Path.Combine(folder, stem + "_y_labels.csv")) is { } labels
            ? (samples, labels) : null;

    private static int[] Labels(string path)
    {
        var lines = System.Text.Encoding.UTF8.GetString(DataFile.ReadAll(path)).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Array.ConvertAll(lines, line => line.Split(',') is [_, _, var label] && int.TryParse(label, out var number)
            ? number : throw new NabiException($"File '{path}' has a line '{line}', which is not name, classes, label."));
    }
}
