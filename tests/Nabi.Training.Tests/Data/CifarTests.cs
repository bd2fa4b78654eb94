using System.Security.Cryptography;
using Nabi.Training.Data;
using Nabi.TestSuite;

namespace Nabi.Training.Tests.Data;

public class CifarTests
{
    // SHA-256 of the first standard batch, as the tool that unpacks the container states it.
    private const string FirstBatch = "8da035fc1631e8ce5f25904206b8993b0f3ad02a504c0584d662e806fd76c12b";

    [Fact]
    public void The_container_decodes_to_the_reference_bytes()
    {
        if (Checkout.Asset("data/cifar10/cifar10_q75.cjp") is not { } path) return;
        var data = CifarReader.ReadContainer("cifar10", path, mostTrain: 10_000, mostTest: 100);
        Assert.Equal((10_000, 100), (data.Train.Count, data.Test.Count));
        Assert.Equal(FirstBatch, Hash(data.Train));

        if (Checkout.Asset("data/cifar10/lossless_train_first4000.bin.gz") is not { } exactPath) return;
        var exact = CifarReader.Read("cifar10", exactPath);
        double error = 0;
        for (var i = 0; i < exact.Count; i++)
        {
            Assert.Equal(exact.Label(i), data.Train.Label(i));
            var a = exact.Bytes(i);
            var b = data.Train.Bytes(i);
            for (var j = 0; j < a.Length; j++) error += Math.Abs(a[j] - b[j]);
        }
        // Quality 75 with halved chroma moves a pixel by about 6 of 255 on these pictures; a wrong decoder by far more.
        Assert.InRange(error / (exact.Count * 3072.0), 1, 12);
    }

    [Fact]
    public void Records_become_samples()
    {
        using var folder = new TemporaryFolder();
        var file = new byte[2 * 3073];
        (file[0], file[1], file[3073], file[3073 + 3072]) = (7, 11, 9, 13);
        var data = CifarReader.Read("c", folder.Write("data_batch_1.bin", file));
        Assert.Equal(2, data.Count);
        Assert.Equal((7, 9), (data.Label(0), data.Label(1)));
        Assert.Equal((11, 13), (data.Bytes(0)[0], data.Bytes(1)[^1]));
        Assert.Contains("whole CIFAR records", Assert.Throws<NabiException>(() => CifarReader.Read("c", folder.Write("cut.bin", file.AsSpan(0, 4000)))).Message);
    }

    private static string Hash(DataSet data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < data.Count; i++)
        {
            hash.AppendData([(byte)data.Label(i)]);
            hash.AppendData(data.Bytes(i));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
