namespace Nabi.Training;

/// <summary>What an optimizer has at hand for one parameter.</summary>
/// <param name="Builder">Where nodes are added.</param>
/// <param name="Parameter">The parameter.</param>
/// <param name="Gradient">Its gradient, clipped when that is asked for.</param>
/// <param name="LearningRate">This step's rate, a scalar input.</param>
/// <param name="Number">1 in the first step, a scalar input.</param>
/// <param name="WeightDecay">The decay of this parameter: 0 for those that are spared.</param>
public sealed record OptimizerStep(GraphBuilder Builder, Value Parameter, Value Gradient, Value LearningRate, Value Number, float WeightDecay)
{
    /// <summary>Applies an update operator whose outputs are the new parameter and the new states, in the order of its state inputs.</summary>
    /// <param name="update">The operator.</param>
    /// <param name="scalars">Scalar inputs between gradient and states.</param>
    /// <param name="states">Names of the states; they begin as zeros of the parameter's shape and are kept from step to step.</param>
    /// <returns>The new parameter.</returns>
    public Value Apply(Op update, Value[] scalars, params ReadOnlySpan<string> states)
    {
        var kept = new Value[states.Length];
        for (var i = 0; i < kept.Length; i++)
            kept[i] = Builder.Parameter($"{Parameter.Name}.{states[i]}", Tensor.Zeros(Parameter.DType, Parameter.Shape), trainable: false);
        var outputs = Builder.ApplyAll(update, 1 + kept.Length, [Parameter, Gradient, .. scalars, .. kept]);
        for (var i = 0; i < kept.Length; i++) Builder.Update(kept[i], outputs[i + 1]);
        return outputs[0];
    }
}
