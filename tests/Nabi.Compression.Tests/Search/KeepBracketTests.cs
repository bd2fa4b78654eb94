using Nabi.Compression.Search;

namespace Nabi.Compression.Tests.Search;

public class KeepBracketTests
{
    [Fact]
    public void While_all_is_good_it_follows_the_proposals_downwards()
    {
        var bracket = new KeepBracket();
        Assert.Equal(0.5, bracket.Next(0.5, 0.05));
        bracket.Add(0.5, isGood: true);
        Assert.Equal(0.43, bracket.Next(0.5, 0.05)!.Value, 2);
        Assert.Equal(0.2, bracket.Next(0.01, 0.05)!.Value, 2);
        Assert.Null(bracket.Next(0.3, 0.45));
    }

    [Fact]
    public void After_a_bad_one_it_halves_until_the_bracket_is_closed()
    {
        var bracket = new KeepBracket();
        bracket.Add(0.4, isGood: true);
        bracket.Add(0.1, isGood: false);
        var tried = new List<double>();
        while (bracket.Next(0.1, 0.01) is { } keep)
        {
            Assert.InRange(keep, bracket.Bad, bracket.Good);
            tried.Add(keep);
            bracket.Add(keep, isGood: keep > 0.22);
        }
        Assert.Equal([0.2, 0.28, 0.24], tried);
        Assert.True(bracket.Good / bracket.Bad < 1.5);
    }

    [Fact]
    public void A_stronger_one_that_is_good_overrules_a_milder_one_that_was_not()
    {
        var bracket = new KeepBracket();
        bracket.Add(0.5, isGood: false);
        bracket.Add(0.3, isGood: true);
        Assert.Equal((0.3, 0), (bracket.Good, bracket.Bad));
    }
}
