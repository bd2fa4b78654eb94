using System.Net;
using System.Security.Cryptography;
using Nabi.Training.Data;

namespace Nabi.Training.Tests.Data;

public class DataFetchTests
{
    private static readonly byte[] Content = [1, 2, 3, 4, 5];

    private static readonly DataFetch.Recipe Recipe = new("some-package", ["https://first.example/", "https://second.example/"],
        [new("a.gz", Convert.ToHexStringLower(SHA256.HashData(Content)))]);

    [Fact]
    public void A_file_with_the_right_checksum_is_kept()
    {
        using var folder = new TemporaryFolder();
        using var network = new Network(address => address.Host == "second.example" ? DataSetTests.Gzip(Content) : null);
        var said = new List<string>();
        var result = new DataFetch(network, (_, _, _) => null, false).Download("d", Recipe, Path.Combine(folder.Path, "d"), said.Add, default);
        Assert.True(result.IsAvailable);
        Assert.Equal(2, said.Count);
        Assert.Equal(["a.gz"], Directory.GetFiles(Path.Combine(folder.Path, "d")).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void A_wrong_or_missing_file_is_refused_with_its_reason()
    {
        using var folder = new TemporaryFolder();
        using var network = new Network(address => address.Host == "second.example" ? DataSetTests.Gzip([9]) : null);
        var result = new DataFetch(network, (_, _, _) => null, false).Download("d", Recipe, Path.Combine(folder.Path, "d"), _ => { }, default);
        Assert.False(result.IsAvailable);
        Assert.Contains("404", result.Message);
        Assert.Contains("checksum", result.Message);
        Assert.Empty(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void What_is_there_is_not_fetched_and_what_is_unknown_is_said()
    {
        using var network = new Network(_ => throw new InvalidOperationException("not to be asked"));
        var fetch = new DataFetch(network, (_, _, _) => throw new InvalidOperationException("not to be run"), true);
        Assert.True(fetch.Fetch("glyphs", _ => { }).IsAvailable);
        Assert.Contains("no known data set 'nothing'", fetch.Fetch("nothing", _ => { }).Message);
    }

    private sealed class Network(Func<Uri, byte[]?> answer) : HttpMessageHandler
    {
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => answer(request.RequestUri!) is { } bytes
            ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(bytes) }
            : new HttpResponseMessage(HttpStatusCode.NotFound);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(Send(request, cancellationToken));
    }
}
