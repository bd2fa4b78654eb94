using Nabi;
using Nabi.Bench;
using Nabi.Bench.Claims;
using Nabi.Bench.Kernels;
using Nabi.Bench.Peers;
using Nabi.Bench.Training;
using Nabi.Models;

// nabi-bench <suite> ...: measurements that are printed or written to bench/results, not asserted.
switch (args)
{
    case ["kernels", .. var rest]:
        return KernelSuite.Run(Number(rest, 0, 1), rest is [_, var pattern, ..] ? pattern : "*");
    case ["int8", .. var rest]:
        QuantizedSuite.Run(rest);
        return 0;
    case ["train-step", var network, .. var rest]:
        var options = new ModelOptions { Width = rest.Length > 2 ? double.Parse(rest[2]) : 1, Input = rest.Length > 3 ? Shape.Create(Array.ConvertAll(rest[3].Split('x'), int.Parse)) : null };
        TrainingStepSuite.Run(network, options, Number(rest, 0, 2), Number(rest, 1, 64), rest.Contains("recompute"), rest.Contains("per-step"));
        return 0;
    case ["attention", .. var rest]:
        AttentionSuite.Run(Number(rest, 0, 2), Number(rest, 1, 0), TimeProvider.System);
        return 0;
    case ["start", var model]:
        StartSuite.Run(model, TimeProvider.System);
        return 0;
    case ["zoo", .. var rest]:
        return ZooSuite.Run(rest);
    case ["oracle", var network, var folder]:
        OracleCase.Write(network, folder);
        return 0;
    case ["race", var network, var folder]:
        OracleCase.WriteRace(network, folder);
        return 0;
    case ["exports", var folder, .. var rest]:
        ExportCases.Write(folder, rest);
        return 0;
    case ["racer", "infer", var model, var input, var threads]:
        Racer.Infer(model, input, int.Parse(threads));
        return 0;
    case ["racer", "train", var network, .. var rest]:
        Racer.Train(network, new ModelOptions { Width = double.Parse(rest[2]), Seed = 1, Classes = 10, Input = Shape.Create(Array.ConvertAll(rest[3].Split('x'), int.Parse)) }, Number(rest, 0, 2), Number(rest, 1, 64));
        return 0;
    case ["claim", .. var rest]:
        return ClaimSuite.Run(rest);
    case ["models"]:
        ModelsDocument.Write();
        return 0;
    default:
        Console.Error.WriteLine("""
            usage: Nabi.Bench kernels [threads] [pattern]       kernels against their bounds, by name: 'int8 emitted*', '*depthwise*'
                   Nabi.Bench int8 [threads] <network> ... [per-layer]   floats against int8, in turn
                   Nabi.Bench train-step <network> [threads] [batch] [width] [input] [recompute] [per-step]
                   Nabi.Bench attention [threads] [tokens]      attention over 256 to 8192 tokens, into bench/results; with tokens, their steps
                   Nabi.Bench start <model>                     from process start to the first result, phase by phase
                   Nabi.Bench zoo [--threads n] [network ...]   trains the zoo at small size, into bench/results/zoo.json and zoo.md
                   Nabi.Bench oracle <network> <folder>         a network as ONNX with an input and its output, for bench/peers/zoo.mjs
                   Nabi.Bench race <network> <folder>           the same and its int8 form, for bench/peers/latency.mjs
                   Nabi.Bench exports <folder> [name ...]       a trained network in every compressed form as ONNX, for bench/peers/exports.mjs
                   Nabi.Bench racer infer <onnx> <input> <threads>
                   Nabi.Bench racer train <network> <threads> <batch> <width> <input>
                                                                Nabi's side of bench/peers/latency.mjs and training.mjs
                   Nabi.Bench claim [name] [seeds] [threads]    a paper's claim reproduced, into bench/results/claims; without a name, all there are
                   Nabi.Bench models                            writes docs/models.md from the registry and bench/results/zoo.json
            """);
        return 2;
}

static int Number(string[] words, int index, int usual) => words.Length > index ? int.Parse(words[index]) : usual;
