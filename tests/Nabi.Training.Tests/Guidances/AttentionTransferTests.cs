namespace Nabi.Training.Tests.Guidances;

public class AttentionTransferTests
{
    private static readonly Tensor Image = Tensor.Of([1, 1, 3, 3], [-2f, 1, 0, 0.5f, 3, -1, 2, 0, -0.5f]);

    [Fact]
    public void The_term_is_the_distance_of_normalized_maps()
    {
        // Student: channels relu(x) and relu(-x / 2); teacher: relu(x) alone.
        float[] student = [1, -0.5f], teacher = [1];
        double[] mine = Attention(student), wanted = Attention(teacher);
        var distance = mine.Zip(wanted, (a, b) => (a - b) * (a - b)).Sum() * 50 / 2 / 9;
        var guidance = new AttentionTransfer(Steps.Maps(teacher)) { Beta = 50 };
        Assert.Equal(distance, Term(student, guidance), 1e-5);
        Assert.True(distance > 0.01);
        Assert.Equal(0, Term([3, 0.5f], guidance), 1e-6);
    }

    [Fact]
    public void A_teacher_of_other_sizes_or_names_is_refused_in_a_sentence()
    {
        string Said(AttentionTransfer guidance) => Assert.Throws<NabiException>(() => Term([1], guidance)).Message;
        Assert.Contains("does not take the samples", Said(new AttentionTransfer(Steps.Maps(5, [1])) { Layers = ["Relu=Relu"] }));
        Assert.Contains("no feature maps of equal height", Said(new AttentionTransfer(Steps.Maps(5, [1]))));
        Assert.Contains("no layer 'nothing'", Said(new AttentionTransfer(Steps.Maps(1)) { Layers = ["nothing=Relu"] }));
        Assert.Contains("no pair of layers", Said(new AttentionTransfer(Steps.Maps(1)) { Layers = ["Relu"] }));
        Assert.Contains("beta of -1", Said(new AttentionTransfer(Steps.Maps(1)) { Beta = -1 }));
    }

    private static double Term(float[] student, AttentionTransfer guidance) =>
        Steps.Run(Steps.Maps(student), Steps.Plain(1) with { Loss = new GuidanceAlone(), Guidance = [guidance] }, Image, Steps.OneHot(2, 0)).Loss;

    private static double[] Attention(float[] weights)
    {
        var map = Array.ConvertAll(Image.ToSingle(), x => weights.Sum(w => Math.Pow(Math.Max(0, w * x), 2)));
        var norm = Math.Sqrt(map.Sum(q => q * q));
        return Array.ConvertAll(map, q => q / norm);
    }
}
