// Inference against ONNX Runtime: both run the same ONNX file on the same input, in turn, batch 1.
//
//   node latency.mjs [--int8] [--threads 1,2] [--bursts 10] [--burst 300] [network ...]
//
// Wants a release build of bench/Nabi.Bench and `npm install --ignore-scripts` here. Prints Markdown. With --int8 the same Q/DQ file runs in both, beside
// Nabi's float form. Outputs are compared first: within 1e-4 of the largest for float; int8 roundings differ, so the difference is only shown.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bench, calm, geometricMean, here, machine, ms, nabi, parse, race, Racer } from './racer.mjs';

const networks = ['mobilenet-v1', 'mobilenet-v2', 'mobilenet-v3-large', 'resnet18', 'resnet50', 'squeezenet-1.1', 'shufflenet-v2-1.0', 'efficientnet-b0',
    'resnet8', 'ds-cnn', 'deit-tiny'];
const tolerance = 1e-4;
const options = parse(process.argv.slice(2), ['int8']);
const [bursts, burst] = [Number(options.bursts ?? 10), Number(options.burst ?? 300)];
const names = options.words.length ? options.words : networks;
const threads = (options.threads ?? '1,2').split(',').map(Number);
const folder = mkdtempSync(path.join(os.tmpdir(), 'nabi-race-'));
const file = name => path.join(folder, name);
const onnxRuntime = (model, count) => Racer.start('ONNX Runtime', 'node', [path.join(here, 'onnxruntime.mjs'), file(model), folder, String(count)]);
const nabiOn = (model, count) => nabi('Nabi', 'infer', file(model), file('input.bin'), count);

async function difference(left, right) {
    const outputs = [];
    for (const [i, racer] of [left, right].entries()) {
        await racer.ask(`output ${file(`output${i}.bin`)}`);
        outputs.push(new Float32Array(new Uint8Array(readFileSync(file(`output${i}.bin`))).buffer));
    }
    const [a, b] = outputs;
    let [largest, most] = [0, a.length === b.length ? 0 : Infinity];
    for (let i = 0; i < a.length; i++) {
        largest = Math.max(largest, Math.abs(a[i]));
        const d = Math.abs(a[i] - b[i]);
        if (!(d <= most)) most = d;
    }
    return most / largest;
}

async function compete(name, count) {
    const model = options.int8 ? 'int8.onnx' : 'model.onnx';
    const racers = [await onnxRuntime(model, count), await nabiOn(model, count)];
    if (options.int8) racers.push(await nabiOn('model.onnx', count));
    const off = await difference(racers[0], racers[1]);
    await race(racers, bursts, burst);
    const [peer, own, float] = racers;
    const times = [`${ms(peer.median)} (${ms(peer.quantile(0.95))})`, `${ms(own.median)} (${ms(own.quantile(0.95))})`];
    const columns = [name, count, ...times, `**${(peer.median / own.median).toFixed(2)}**`, (peer.quantile(calm) / own.quantile(calm)).toFixed(2)];
    if (float) columns.push(ms(float.median), (float.median / own.median).toFixed(2));
    columns.push(`${peer.residentMegabytes.toFixed(0)} / ${own.residentMegabytes.toFixed(0)}`, `${off.toExponential(1)}${options.int8 || off <= tolerance ? '' : ' **too far**'}`);
    console.log(`| ${columns.join(' | ')} |`);
    await Promise.all(racers.map(r => r.end()));
    return { count, ratio: peer.median / own.median, calm: peer.quantile(calm) / own.quantile(calm), gain: float ? float.median / own.median : 0 };
}

console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()} at the start; ${bursts} bursts of ${burst} ms each in turn; milliseconds are medians (95 of 100 runs below).\n`);
console.log(options.int8
    ? '| network | threads | ONNX Runtime int8 | Nabi int8 | ratio | calm | Nabi float | float / int8 | resident MB | difference |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|'
    : '| network | threads | ONNX Runtime | Nabi | ratio | calm | resident MB | difference |\n|---|---:|---:|---:|---:|---:|---:|---:|');
const results = [];
for (const name of names) {
    try {
        const [command, args] = bench('race', name, folder);
        execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
        for (const count of threads) results.push(await compete(name, count));
    } catch (e) {
        console.log(`| ${name} | **failed**: ${String(e.stderr ?? e.message).trim().split('\n')[0].slice(0, 200)} |`);
        process.exitCode = 1;
    }
}
rmSync(folder, { recursive: true });
console.log(`\nLoad average ${os.loadavg()[0].toFixed(1)} at the end. Ratio: ONNX Runtime's time over Nabi's; above 1 Nabi is faster. Calm: the same of the fastest tenth of the runs, which other load disturbs least.`);
for (const count of threads) {
    const some = results.filter(r => r.count === count);
    if (some.length) console.log(`Geometric mean, ${count} thread${count > 1 ? 's' : ''}: **${geometricMean(some.map(r => r.ratio)).toFixed(2)}**, calm ${geometricMean(some.map(r => r.calm)).toFixed(2)}${options.int8 ? `; int8 over float: ${geometricMean(some.map(r => r.gain)).toFixed(2)}` : ''}.`);
}
process.exit();
