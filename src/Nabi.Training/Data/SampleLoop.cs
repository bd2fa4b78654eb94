using System.Runtime.ExceptionServices;

namespace Nabi.Training.Data;

/// <summary>Reads samples on all processors; a failure comes out as it was thrown.</summary>
internal static class SampleLoop
{
    public static void For(int count, Action<int> body)
    {
        try
        {
            Parallel.For(0, count, body);
        }
        catch (AggregateException e) when (e.InnerException is NabiException inner)
        {
            ExceptionDispatchInfo.Throw(inner);
        }
    }
}
