// A trained network in every compressed form, exported to ONNX: does ONNX Runtime load it and see in real samples what Nabi sees?
//
//   node exports.mjs [--folder kept] [--optimize all] [name ...]
//
// Wants a release build of bench/Nabi.Bench and `npm install --ignore-scripts` here. Prints a Markdown table and ends with 1 when a file does not load
// or fewer than 99 of 100 samples get the same class without a known reason. Files in a kept folder are used again.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { bench, parse } from './racer.mjs';

const agreement = 0.99, batch = 100;
// Fewer agree here for a known reason; the accuracy is held to instead.
const known = new Map(['lsq-w4a4', 'lsq-w2a2', 'dorefa-w1a4'].map(name => [name, 'biases rounded in other units']));
const points = 0.01;
const options = parse(process.argv.slice(2));
const folder = options.folder ?? mkdtempSync(path.join(os.tmpdir(), 'nabi-exports-'));
const file = name => path.join(folder, name);
const floats = name => new Float32Array(new Uint8Array(readFileSync(file(name))).buffer);

if (!options.folder || !existsSync(file('cases.json'))) {
    const [command, args] = bench('exports', folder, ...options.words);
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
const { samples, shape, cases } = JSON.parse(readFileSync(file('cases.json')));
const input = floats('input.bin'), labels = readFileSync(file('labels.bin'));
const size = shape.reduce((a, b) => a * b), classes = scores => scores.length / samples;
const best = (scores, i) => {
    const row = scores.subarray(i * classes(scores), (i + 1) * classes(scores));
    return row.indexOf(Math.max(...row));
};

async function scoresOf(name) {
    const session = await ort.InferenceSession.create(file(`${name}.onnx`), { intraOpNumThreads: 1, graphOptimizationLevel: options.optimize ?? 'all', logSeverityLevel: 3 });
    const all = [];
    for (let at = 0; at < samples; at += batch) {
        const count = Math.min(batch, samples - at);
        const x = new ort.Tensor('float32', input.subarray(at * size, (at + count) * size), [count, ...shape]);
        all.push(...(await session.run({ [session.inputNames[0]]: x }))[session.outputNames[0]].data);
    }
    await session.release();
    return Float32Array.from(all);
}

let failed = 0;
const percent = x => `${(100 * x).toFixed(1)} %`;
console.log('| form | recipe | ONNX bytes | accuracy in Nabi | in ONNX Runtime | same class | largest difference |\n|---|---|---:|---:|---:|---:|---:|');
for (const { name, network, recipe, fault } of cases.filter(c => !options.words.length || options.words.includes(c.name))) {
    const head = `| ${name} | ${network}${recipe ? `: ${recipe.replace(/^- /, '').replaceAll(' - ', '; ')}` : ''}`;
    try {
        if (fault) throw new Error(fault);
        const own = floats(`${name}.bin`), peer = await scoresOf(name);
        let [same, right, peerRight, largest, most] = [0, 0, 0, 0, own.length === peer.length ? 0 : Infinity];
        for (let i = 0; i < samples; i++) {
            const [a, b] = [best(own, i), best(peer, i)];
            same += a === b;
            right += a === labels[i];
            peerRight += b === labels[i];
        }
        for (let i = 0; i < own.length; i++) {
            largest = Math.max(largest, Math.abs(own[i]));
            most = Math.max(most, Math.abs(own[i] - peer[i]));
        }
        const isSame = same >= agreement * samples;
        const reason = Math.abs(right - peerRight) <= points * samples ? known.get(name) : undefined;
        if (!isSame && !reason) failed++;
        console.log(`${head} | ${statSync(file(`${name}.onnx`)).size} | ${percent(right / samples)} | ${percent(peerRight / samples)} | ${percent(same / samples)}${isSame ? '' : reason ? `, ${reason}` : ' **too few**'} | ${(most / largest).toExponential(1)} |`);
    } catch (e) {
        failed++;
        console.log(`${head} | **failed**: ${String(e.message).trim().split('\n')[0].slice(0, 300)} | | | | |`);
    }
}
if (!options.folder) rmSync(folder, { recursive: true });
console.log(`\n${failed ? `${failed} failed` : `All load and agree on at least ${percent(agreement)}, or differ for a reason given,`} of ${samples} test samples of Fashion-MNIST (onnxruntime-node ${ort.env.versions?.node ?? ''}).`);
process.exit(failed ? 1 : 0);
