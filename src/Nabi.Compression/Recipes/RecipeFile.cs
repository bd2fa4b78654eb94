using System.Globalization;
using System.Reflection;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Nabi.Compression.Recipes;

/// <summary>
/// Recipes as YAML: <c>name</c>, <c>description</c> and <c>steps</c>, a list of step names, each with its settings:
/// <code>
/// name: slim
/// steps:
///   - prune-channels: { criterion: taylor, keep-macs: 0.5 }
///   - fine-tune: { epochs: 5 }
///   - quantize-int8
/// </code>
/// </summary>
public static class RecipeFile
{
    private const int MaxCharacters = 1 << 16;
    private const int MaxDepth = 6;
    private const string ResourcePrefix = "Nabi.Compression.Recipes.Shipped.";

    /// <summary>Names of the recipes that come with Nabi.</summary>
    public static IReadOnlyList<string> Shipped { get; } = [.. typeof(RecipeFile).Assembly.GetManifestResourceNames()
        .Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal))
        .Select(n => n[ResourcePrefix.Length..^".yaml".Length]).Order(StringComparer.Ordinal)];

    /// <summary>A shipped recipe by name, or a recipe from a file.</summary>
    /// <exception cref="NabiException">There is no such recipe or file, or it is not a recipe.</exception>
    public static Recipe Load(string nameOrPath)
    {
        if (Shipped.Contains(nameOrPath))
        {
            using var reader = new StreamReader(typeof(RecipeFile).Assembly.GetManifestResourceStream($"{ResourcePrefix}{nameOrPath}.yaml")!);
            return Parse(reader.ReadToEnd(), nameOrPath);
        }
        if (!File.Exists(nameOrPath))
            throw new NabiException($"There is no recipe '{nameOrPath}': it is neither a file nor one of {string.Join(", ", Shipped)}.");
        if (new FileInfo(nameOrPath).Length > MaxCharacters)
            throw new NabiException($"Recipe '{nameOrPath}' is larger than {MaxCharacters / 1024} KB, which no recipe is.");
        return Parse(File.ReadAllText(nameOrPath), nameOrPath);
    }

    /// <summary>Reads a recipe.</summary>
    /// <param name="yaml">The text.</param>
    /// <param name="source">File or recipe name, for messages.</param>
    /// <exception cref="NabiException">It is not a recipe; the message names source, line and what is allowed.</exception>
    public static Recipe Parse(string yaml, string source)
    {
        if (yaml.Length > MaxCharacters) throw new NabiException($"Recipe '{source}' is larger than {MaxCharacters / 1024} KB, which no recipe is.");
        YamlNode root;
        try
        {
            CheckDepth(yaml, source);
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            root = stream.Documents.Count == 1 ? stream.Documents[0].RootNode :
                throw new NabiException($"Recipe '{source}' has {stream.Documents.Count} YAML documents where one is needed.");
        }
        catch (YamlException e)
        {
            throw new NabiException($"Recipe '{source}', line {e.Start.Line}: this is not YAML: {e.Message.TrimEnd('.')}.", e);
        }
        // The scanner trips over some damaged texts instead of saying so.
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            throw new NabiException($"Recipe '{source}' is not YAML; compare it with a shipped recipe.", e);
        }
        return Read(root, source);
    }

    /// <summary>The recipe as YAML; settings at their default are left out.</summary>
    public static string Text(Recipe recipe)
    {
        var text = new StringBuilder($"name: {Scalar(recipe.Name)}\n");
        if (recipe.Description.Length > 0) text.Append($"description: {Scalar(recipe.Description)}\n");
        text.Append("steps:\n");
        foreach (var step in recipe.Steps) text.Append("  - ").Append(StepText(step)).Append('\n');
        return text.ToString();
    }

    /// <summary>One step on one line.</summary>
    public static string StepText(CompressionStep step)
    {
        var standard = (CompressionStep)Activator.CreateInstance(step.GetType())!;
        var settings = Settings(step.GetType()).Where(s => Written(s.Value, step) != Written(s.Value, standard))
            .Select(s => $"{s.Key}: {Written(s.Value, step)}").ToArray();
        return settings.Length == 0 ? step.Name : $"{step.Name}: {{ {string.Join(", ", settings)} }}";
    }

    private static Recipe Read(YamlNode root, string source)
    {
        if (root is not YamlMappingNode map) throw Fail(source, root, "a recipe has the entries name, description and steps");
        var recipe = Recipe.Create(Path.GetFileNameWithoutExtension(source));
        YamlSequenceNode? steps = null;
        foreach (var (key, value) in map.Children)
        {
            switch (TextOf(key, source))
            {
                case "name": recipe = recipe with { Name = TextOf(value, source) }; break;
                case "description": recipe = recipe with { Description = TextOf(value, source) }; break;
                case "steps": steps = value as YamlSequenceNode
                    ?? throw Fail(source, value, "steps must be a list, each line beginning with '- '"); break;
                case var other: throw Fail(source, key, $"there is no entry '{other}'; a recipe has name, description and steps");
            }
        }
        if (steps is null || steps.Children.Count == 0) throw Fail(source, root, "there are no steps");
        foreach (var node in steps.Children)
        {
            var step = ReadStep(node, source);
            recipe = step.Fault is { } fault ? throw Fail(source, node, $"{step.Name}: {fault}") : recipe.Then(step);
        }
        return recipe;
    }

    private static CompressionStep ReadStep(YamlNode node, string source)
    {
        if (node is YamlScalarNode) return Create(node);
        if (node is not YamlMappingNode { Children.Count: 1 } map) throw Fail(source, node,
            "a step is its name, or its name with settings: 'fine-tune: { epochs: 5 }'");
        var (key, value) = map.Children.First();
        var step = Create(key);
        if (value is YamlScalarNode { Value: "" or null or "~" }) return step;
        if (value is not YamlMappingNode settings) throw Fail(source, value,
            $"the settings of {step.Name} must be written as '{{ name: value }}'");
        var allowed = Settings(step.GetType());
        foreach (var (name, text) in settings.Children)
        {
            if (!allowed.TryGetValue(TextOf(name, source), out var property))
                throw Fail(source, name, $"{step.Name} has no setting '{name}'; {(allowed.Count == 0 ? "it has none" : $"it has {string.Join(", ", allowed.Keys)}")}");
            property.SetValue(step, Converted(property, text, step.Name, source));
        }
        return step;

        CompressionStep Create(YamlNode name)
        {
            try
            {
                return Named<CompressionStep>.Create(TextOf(name, source), "step");
            }
            catch (NabiException e)
            {
                throw Fail(source, name, e.Message.TrimEnd('.'));
            }
        }
    }

    private static object Converted(PropertyInfo property, YamlNode node, string step, string source)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (type == typeof(ValueArray<string>))
            return ValueArray.Create<string>(node is YamlSequenceNode list ? [.. list.Children.Select(c => TextOf(c, source))]
                : [TextOf(node, source)]);
        var text = TextOf(node, source);
        if (type == typeof(string)) return text;
        if (type == typeof(bool) && bool.TryParse(text, out var flag)) return flag;
        if (type == typeof(int) && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var integer)) return integer;
        if (type == typeof(double) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)) return number;
        var wanted = type == typeof(bool) ? "true or false" : type == typeof(int) ? "a whole number" : "a number";
        throw Fail(source, node, $"{step}: {Named.KebabCase(property.Name)} is '{text}' but must be {wanted}");
    }

    private static SortedDictionary<string, PropertyInfo> Settings(Type step)
    {
        var settings = new SortedDictionary<string, PropertyInfo>(StringComparer.Ordinal);
        foreach (var property in step.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            if (property.SetMethod is not null) settings.Add(Named.KebabCase(property.Name), property);
        return settings;
    }

    private static string Written(PropertyInfo property, CompressionStep step) => property.GetValue(step) switch
    {
        null => "~",
        bool flag => flag ? "true" : "false",
        string text => Scalar(text),
        ValueArray<string> list => $"[{string.Join(", ", list.Select(Scalar))}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        var other => throw new InvalidOperationException($"Setting {property.Name} of {step.Name} has type {other.GetType().Name}, which recipes cannot write."),
    };

    // Plain where YAML reads it back as the same text, else in double quotes.
    private static string Scalar(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '/') && text[0] != '-'
            ? text
            : $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    private static string TextOf(YamlNode node, string source) => node is YamlScalarNode { Value: { } text }
        ? text
        : throw Fail(source, node, "a single value is needed here");

    private static NabiException Fail(string source, YamlNode at, string what) => new($"Recipe '{source}', line {at.Start.Line}: {what}.");

    // The parser of events does not recurse, the loader does: depth is checked before loading.
    private static void CheckDepth(string yaml, string source)
    {
        var parser = new Parser(new StringReader(yaml));
        var depth = 0;
        while (parser.MoveNext())
        {
            if (parser.Current is AnchorAlias) throw new NabiException($"Recipe '{source}', line {parser.Current.Start.Line}: aliases are not used in recipes; write the value out.");
            depth += parser.Current!.NestingIncrease;
            if (depth > MaxDepth + 2) throw new NabiException($"Recipe '{source}', line {parser.Current.Start.Line}: this is nested too deeply for a recipe.");
        }
    }
}
