namespace Nabi.Formats;

/// <summary>
/// Foretells yes or no from several contexts: each has a counter of its own, and their logits are added with weights that learn from every answer (Mahoney 2005,
/// "Adaptive Weighing of Context Models for Lossless Data Compression", section 3). All arithmetic is on integers, so that every machine foretells the same.
/// </summary>
/// <param name="counters">Contexts there are, over all inputs.</param>
/// <param name="inputs">Contexts that are asked together.</param>
/// <param name="sets">Sets of weights to choose from.</param>
internal sealed class BitMixer(int counters, int inputs, int sets)
{
    private const int Even = 1 << 15;
    private const int LogitUnit = 256;
    private const int KnotDistance = LogitUnit / 2;
    private const int LargestLogit = 12 * LogitUnit;
    private const int LogitBits = 12;
    private const int Surest = 24;
    private const int SteadyAfter = 250;
    private const int LearningShift = 18;

    // 65536 / (1 + exp(-x)) for x from -12 to 12 in steps of a half.
    private static readonly int[] Knots =
    [
        0, 1, 1, 2, 3, 5, 8, 13, 22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565, 62428,
        63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535, 65535, 65536,
    ];

    private static readonly short[] Logits = Inverse();
    private static readonly int[] Rates = [.. Enumerable.Range(0, SteadyAfter + 1).Select(n => (1 << 17) / ((2 * n) + 3))];

    private readonly ushort[] _probabilities = Filled(counters);
    private readonly byte[] _seen = new byte[counters];
    private readonly int[] _weights = FilledWeights(inputs, sets);
    private readonly int[] _slots = new int[inputs];
    private readonly int[] _logits = new int[inputs];
    private int _set;

    /// <summary>The contexts of the next question: indices of counters, one per input.</summary>
    public Span<int> Slots => _slots;

    /// <summary>The probability of yes, of 65536, under the contexts set.</summary>
    /// <param name="set">Which weights to use.</param>
    public int Foretell(int set)
    {
        _set = set * inputs;
        var sum = 0L;
        for (var i = 0; i < inputs; i++)
        {
            _logits[i] = Logits[_probabilities[_slots[i]] >> (16 - LogitBits)];
            sum += (long)_logits[i] * _weights[_set + i];
        }
        return _foretold = Math.Clamp(Probability((int)Math.Clamp(sum >> 16, -LargestLogit, LargestLogit)), Surest, (1 << 16) - Surest);
    }

    private int _foretold;

    /// <summary>Learns the answer.</summary>
    public void Learn(int bit)
    {
        long error = (bit << 16) - _foretold;
        for (var i = 0; i < inputs; i++)
        {
            _weights[_set + i] += (int)((_logits[i] * error) >> LearningShift);
            ref var p = ref _probabilities[_slots[i]];
            ref var n = ref _seen[_slots[i]];
            p = (ushort)Math.Clamp(p + (int)(((((long)bit << 16) - p) * Rates[n]) >> 16), 16, ushort.MaxValue - 15);
            if (n < SteadyAfter) n++;
        }
    }

    /// <summary>How often a context was asked, at most 250.</summary>
    public int Seen(int slot) => _seen[slot];

    /// <summary>Makes a context take over what another one knows, as if it had seen it a few times.</summary>
    public void Inherit(int slot, int from, byte times) => (_probabilities[slot], _seen[slot]) = (_probabilities[from], times);

    private static int Probability(int logit)
    {
        var at = logit + LargestLogit;
        var (knot, part) = (at / KnotDistance, at % KnotDistance);
        return part == 0 ? Knots[knot] : Knots[knot] + (((Knots[knot + 1] - Knots[knot]) * part) / KnotDistance);
    }

    // For every probability the smallest logit that has it.
    private static short[] Inverse()
    {
        var logits = new short[1 << LogitBits];
        var logit = -LargestLogit;
        for (var p = 0; p < logits.Length; p++)
        {
            while (logit < LargestLogit && Probability(logit) < (p << (16 - LogitBits)) + (1 << (15 - LogitBits))) logit++;
            logits[p] = (short)logit;
        }
        return logits;
    }

    private static ushort[] Filled(int count)
    {
        var values = new ushort[count];
        Array.Fill(values, (ushort)Even);
        return values;
    }

    private static int[] FilledWeights(int inputs, int sets)
    {
        var values = new int[inputs * sets];
        Array.Fill(values, (1 << 16) / inputs * 4 / 3);
        return values;
    }
}
