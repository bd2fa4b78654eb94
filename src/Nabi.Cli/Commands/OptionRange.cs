using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Nabi.Cli.Commands;

/// <summary>Numbers that make no sense are mistakes in the words of the command, found before any work begins.</summary>
internal static class OptionRange
{
    /// <summary>Accepts only <paramref name="from"/> to <paramref name="to"/>; anything else ends with <see cref="CommandLine.Usage"/>.</summary>
    public static TOption Within<TOption, T>(this TOption option, T from, T to) where TOption : Option where T : INumber<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count != 1 || !T.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var value)) return;
            if (value < from || value > to) result.AddError($"{option.Name} is {value}; use {from} to {to}.");
        });
        return option;
    }
}
