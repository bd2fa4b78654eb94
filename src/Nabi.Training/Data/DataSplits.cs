namespace Nabi.Training.Data;

/// <summary>What a training needs: samples to learn from and samples never learned from.</summary>
/// <param name="Name">The data set's name.</param>
/// <param name="Train">Samples to learn from.</param>
/// <param name="Test">Samples that only measure.</param>
/// <param name="Location">The file or folder it was read from, or <c>procedural</c>.</param>
public sealed record DataSplits(string Name, DataSet Train, DataSet Test, string Location)
{
    /// <summary>Holds out a part of the training samples, the same fraction of each class, for choosing between models.</summary>
    /// <param name="fraction">Part held out, 0 to 1. Default 0.1.</param>
    /// <param name="seed">Equal seeds give equal parts.</param>
    public (DataSet Train, DataSet Validation) WithValidation(double fraction = 0.1, ulong seed = 0)
    {
        var (validation, train) = Train.Split(fraction, seed);
        return (train, validation);
    }
}
