using System.IO.Compression;
using System.Text;
using Nabi.Training.Data;
using Nabi.TestSuite;

namespace Nabi.Training.Tests.Data;

public class DataSetTests
{
    [Fact]
    public void A_split_keeps_the_classes_in_proportion_and_loses_nothing()
    {
        var data = Glyphs.Draw(train: 200, test: 10).Train;
        var (first, second) = data.Split(0.25, seed: 3);
        Assert.Equal((50, 150), (first.Count, second.Count));
        Assert.All(Enumerable.Range(0, 10), c => Assert.Equal(5, Enumerable.Range(0, 50).Count(i => first.Label(i) == c)));
        var sums = new[] { first, second }.Sum(d => Enumerable.Range(0, d.Count).Sum(i => (long)Sum(d.Bytes(i))));
        Assert.Equal(Enumerable.Range(0, 200).Sum(i => (long)Sum(data.Bytes(i))), sums);
        Assert.Equal(first.Bytes(7).ToArray(), data.Split(0.25, seed: 3).First.Bytes(7).ToArray());
    }

    [Fact]
    public void Normalization_gives_mean_0_and_deviation_1_and_travels_in_metadata()
    {
        var data = Glyphs.Draw(train: 100, test: 10).Train;
        var normalization = Normalization.Of(data);
        var reader = new SampleReader(data, normalization);
        var sample = new float[data.SampleSize];
        double sum = 0, squares = 0;
        for (var i = 0; i < data.Count; i++)
        {
            reader.Read(i, sample);
            foreach (var x in sample) (sum, squares) = (sum + x, squares + (double)x * x);
        }
        var count = data.Count * data.SampleSize;
        Assert.Equal(0, sum / count, 4);
        Assert.Equal(1, squares / count, 4);

        var b = new GraphBuilder("g");
        b.Output("y", b.Relu(b.Input("x", DType.Float32, [1])));
        var graph = b.Build();
        Assert.Null(Normalization.From(graph));
        Assert.Equal(normalization, Normalization.From(graph.WithMetadata(normalization.Describe(graph.Metadata, data))));
    }

    [Fact]
    public void Raw_bytes_stay_whole_numbers()
    {
        var data = DataSet.Of("d", [1, 1, 256], Enumerable.Range(0, 256).Select(i => (byte)i).ToArray(), [0], ["a"]);
        var sample = new float[256];
        new SampleReader(data, Normalization.RawBytes(1)).Read(0, sample);
        Assert.Equal(Enumerable.Range(0, 256).Select(i => (float)i), sample);
    }

    [Fact]
    public void Glyphs_are_the_same_for_the_same_seed()
    {
        var (a, b, c) = (Glyphs.Draw(30, 10), Glyphs.Draw(30, 10), Glyphs.Draw(30, 10, seed: 2));
        Assert.Equal(a.Train.Bytes(29).ToArray(), b.Train.Bytes(29).ToArray());
        Assert.NotEqual(a.Train.Bytes(29).ToArray(), c.Train.Bytes(29).ToArray());
        Assert.NotEqual(a.Train.Bytes(0).ToArray(), a.Test.Bytes(0).ToArray());
    }

    [Fact]
    public void Idx_reads_plain_and_packed_and_refuses_claims()
    {
        using var folder = new TemporaryFolder();
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        byte[] labels = [0, 0, 8, 1, 0, 0, 0, 2, 4, 1];
        var data = IdxReader.ReadPair("d", folder.Write("i", images), folder.Write("l.gz", Gzip(labels)), null);
        Assert.Equal("d: 2 samples of [1, 1, 3], 5 classes", data.ToString());
        Assert.Equal([4, 5, 6], data.Bytes(1).ToArray());
        images[4] = 0x7F;
        Assert.Contains("is not possible", Assert.Throws<NabiException>(() => IdxReader.Parse(images, "i")).Message);
        images[4] = 0;
        images[7] = 3;
        Assert.Contains("need 9 bytes, but 6 follow", Assert.Throws<NabiException>(() => IdxReader.Parse(images, "i")).Message);
    }

    [Theory]
    [InlineData("a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n", "cat,dog", 2)]
    [InlineData("1;0.5;0\n2;0.25;1\n4;0.75;0\n", "0,1", 2)]
    [InlineData("T,1,2,3\nX,4,5,6\nT,7,8,9\n", "T,X", 3)]
    public void Csv_finds_header_and_class(string text, string classes, int features)
    {
        using var folder = new TemporaryFolder();
        var data = CsvReader.ReadAll("t", folder.Write("t.csv", Encoding.UTF8.GetBytes(text)));
        Assert.Equal(classes, string.Join(',', data.ClassNames));
        Assert.Equal([features], data.SampleShape);
        Assert.Equal(3, data.Count);
        Assert.Equal([0, 1, 0], Enumerable.Range(0, 3).Select(data.Label));
    }

    [Fact]
    public void Numpy_archives_and_folders_are_read()
    {
        using var folder = new TemporaryFolder();
        var x = Npy("<f4", "(10, 2, 3, 3)", Enumerable.Range(0, 180).SelectMany(i => BitConverter.GetBytes((float)i)).ToArray());
        var y = Npy("<i8", "(10,)", Enumerable.Range(0, 10).SelectMany(i => BitConverter.GetBytes((long)(i % 2))).ToArray());
        folder.Write("d/x.npy", x);
        folder.Write("d/y.npy", y);
        var fromFolder = DataSets.Find(Path.Combine(folder.Path, "d"));
        Assert.Equal((8, 2), (fromFolder.Train.Count, fromFolder.Test.Count));
        // [N, 2, 3, 3] with 3 at the end and 2 in front: channels last.
        Assert.Equal([3, 2, 3], fromFolder.Train.SampleShape);

        var zip = Path.Combine(folder.Path, "d.npz");
        using (var archive = ZipFile.Open(zip, ZipArchiveMode.Create))
        {
            foreach (var (name, bytes) in new[] { ("x_train", x), ("y_train", y), ("x_test", x), ("y_test", y) })
            {
                using var entry = archive.CreateEntry(name + ".npy").Open();
                entry.Write(bytes);
            }
        }
        var fromArchive = DataSets.Find(zip);
        Assert.Equal((10, 10), (fromArchive.Train.Count, fromArchive.Test.Count));
        Assert.Equal([0f, 3f, 6f], fromArchive.Train.Floats(0)[..3].ToArray());
    }

    [Fact]
    public void Known_sets_match_their_published_sizes()
    {
        if (DataSets.IsAvailable("fashion-mnist"))
        {
            var fashion = DataSets.Find("fashion-mnist");
            Assert.Equal((60_000, 10_000), (fashion.Train.Count, fashion.Test.Count));
            Assert.Equal("Ankle boot", fashion.Train.ClassNames[fashion.Train.Label(0)]);
            // The mean and deviation that the literature uses for this set.
            var normalization = Normalization.Of(fashion.Train);
            Assert.Equal((0.2860, 0.3530), (Math.Round(normalization.Mean[0], 4), Math.Round(normalization.Std[0], 4)));
        }
        if (Checkout.Asset("data/mlperf_tiny") is { } tiny)
        {
            Assert.Equal([1, 49, 10], MlPerfTinyReader.ReadKeywords("kws01", tiny)!.Test.SampleShape);
            Assert.Equal(200, MlPerfTinyReader.ReadImages("ic01", tiny)!.Test.Count);
        }
        if (Checkout.Asset("data/tabular/letter-recognition.data") is { } letters)
        {
            var data = CsvReader.ReadAll("letters", letters);
            Assert.Equal((20_000, 26, 16), (data.Count, data.ClassNames.Count, data.SampleSize));
        }
        if (Checkout.Asset("data/tabular/pendigits.tra") is { } pen)
        {
            var data = CsvReader.ReadAll("pendigits", pen);
            Assert.Equal((7_494, 10, 16), (data.Count, data.ClassNames.Count, data.SampleSize));
        }
    }

    [Fact]
    public void What_is_missing_says_where_it_was_looked_for()
    {
        Assert.Contains("known data sets are fashion-mnist", Assert.Throws<NabiException>(() => DataSets.Find("no-such-set")).Message);
        Assert.Contains(DataSets.List(), d => d is { Name: "glyphs", Location: "procedural" });
    }

    internal static byte[] Npy(string descr, string shape, byte[] elements)
    {
        var header = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. elements];
    }

    internal static byte[] Gzip(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return memory.ToArray();
    }

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = 0;
        foreach (var b in bytes) sum += b;
        return sum;
    }

    [Fact]
    public void Images_in_another_size_keep_their_means_labels_and_kind()
    {
        var data = Glyphs.Draw(6, 2).Train.Subset([4, 1]);
        var small = data.Resized(14, 7);
        Assert.Equal("[1, 14, 7]", small.SampleShape.ToString());
        Assert.Equal((data.Label(0), true, 2), (small.Label(0), small.IsBytes, small.Count));
        for (var i = 0; i < 2; i++) Assert.Equal(data.Bytes(i).ToArray().Average(b => b), small.Bytes(i).ToArray().Average(b => b), 3.0);
        Assert.Same(data, data.Resized(28, 28));
        var floats = DataSet.Of("ramp", [1, 1, 4], [0f, 1, 2, 3], [0], ["a"]).Resized(1, 2);
        Assert.Equal([0.75f, 2.25f], floats.Floats(0).ToArray(), (a, b) => Math.Abs(a - b) < 0.2);
        Assert.Contains("cannot be resized", Assert.Throws<NabiException>(() => DataSet.Of("table", [4], [0f, 1, 2, 3], [0], ["a"]).Resized(1, 2)).Message);
    }
}
