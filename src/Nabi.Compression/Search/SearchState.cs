using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Nabi.Compression.Search;

/// <summary>The finished variants of a search on disk, so that an interrupted search goes on where it was.</summary>
internal sealed class SearchState
{
    private const string FileName = "search.json";
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly string _path;
    private readonly string _identity;
    private readonly List<Variant> _variants;

    private SearchState(string path, string identity, List<Variant> variants) => (_path, _identity, _variants) = (path, identity, variants);

    private sealed record Saved(string Identity, List<Variant> Variants);

    /// <summary>Finished variants in the order they were made.</summary>
    public IReadOnlyList<Variant> Variants => _variants;

    /// <summary>Opens the state in a folder; one of another search, or a damaged one, is begun anew.</summary>
    public static SearchState Open(string folder, string identity)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, FileName);
        return new SearchState(path, identity, Read(path, identity));
    }

    /// <summary>A finished variant, if its file is still there.</summary>
    public Variant? Find(string name) => _variants.Find(v => v.Name == name && File.Exists(v.Path));

    /// <summary>Adds or replaces a variant and saves.</summary>
    public void Add(Variant variant)
    {
        _variants.RemoveAll(v => v.Name == variant.Name);
        _variants.Add(variant);
        Save();
    }

    /// <summary>What a search depends on: the network, the data, the seed.</summary>
    public static string IdentityOf(Graph graph, CompressionContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{graph}|{context.Training}|{context.Validation}|{context.Test}|{context.Seed}"));
        foreach (var parameter in graph.Parameters) hash.AppendData(parameter.Data!.Bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static List<Variant> Read(string path, string identity)
    {
        if (!File.Exists(path)) return [];
        try
        {
            return JsonSerializer.Deserialize<Saved>(File.ReadAllText(path), Json) is { } saved && saved.Identity == identity
                ? saved.Variants : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private void Save() => AtomicFile.Write(_path, file => JsonSerializer.Serialize(file, new Saved(_identity, _variants), Json));
}
