// Training steps against PyTorch, in turn, on the same architecture (checked by its number of parameters): SGD with momentum, batch 64.
//
//   node training.mjs [--threads 2] [--batch 64] [--bursts 10] [--burst 400] [network ...]
//
// Wants a release build of bench/Nabi.Bench and a python3 with torch; PYTHON names another one. On Debian: python3-torch, and libopenblas0-pthread,
// without which its matrix products run on the reference BLAS. Prints Markdown. PyTorch runs in its usual layout and with channels last, and with threads that
// spin and that sleep while they wait for each other (the one is faster on an idle machine, the other by far on a busy one); the fastest counts.
import os from 'node:os';
import path from 'node:path';
import { calm, geometricMean, here, machine, ms, nabi, parse, race, Racer } from './racer.mjs';

const networks = { resnet8: [1, '3x32x32'], 'mobilenet-v2': [0.5, '3x32x32'], lenet5: [1, '1x28x28'] };
const variants = ['contiguous', 'channels_last'].flatMap(layout => ['ACTIVE', 'PASSIVE'].map(wait => [layout, wait]));
const options = parse(process.argv.slice(2));
const [threads, batch, bursts, burst] = [Number(options.threads ?? 2), Number(options.batch ?? 64), Number(options.bursts ?? 10), Number(options.burst ?? 400)];
const ratios = [], calmRatios = [];
let version = '';

console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()} at the start; ${threads} threads, batch ${batch}, ${bursts} bursts of ${burst} ms each in turn; milliseconds are medians (95 of 100 steps below).\n`);
console.log('| network | width | input | parameters | PyTorch | Nabi | ratio | calm | resident MB | PyTorch as |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---|');
for (const name of options.words.length ? options.words : Object.keys(networks)) {
    const [width, input] = networks[name];
    const peers = [];
    for (const [layout, wait] of variants)
        peers.push(await Racer.start(`${layout}, ${wait}`, process.env.PYTHON ?? 'python3', [path.join(here, 'training.py'), name, String(threads), String(batch), layout],
            { env: { ...process.env, OMP_WAIT_POLICY: wait } }));
    const own = await nabi('Nabi', 'train', name, threads, batch, width, input);
    const about = peers[0].about;
    version = about.version;
    if (about.parameters !== own.about.parameters)
        throw new Error(`${name} has ${own.about.parameters} parameters in Nabi, ${about.parameters} in PyTorch: not the same network`);
    await race([...peers, own], bursts, burst);
    const peer = peers.reduce((best, p) => p.median < best.median ? p : best);
    ratios.push(peer.median / own.median);
    calmRatios.push(peer.quantile(calm) / own.quantile(calm));
    const times = [peer, own].map(r => `${ms(r.median)} (${ms(r.quantile(0.95))})`);
    console.log(`| ${[name, width, input, own.about.parameters, ...times, `**${ratios.at(-1).toFixed(2)}**`, calmRatios.at(-1).toFixed(2),
        `${peer.residentMegabytes.toFixed(0)} / ${own.residentMegabytes.toFixed(0)}`, peer.name].join(' | ')} |`);
    await Promise.all([...peers, own].map(r => r.end()));
}
console.log(`\nLoad average ${os.loadavg()[0].toFixed(1)} at the end. Ratio: PyTorch ${version}'s time over Nabi's; above 1 Nabi is faster. Calm: the same of the fastest tenth of the steps.`);
console.log(`Geometric mean: **${geometricMean(ratios).toFixed(2)}**, calm ${geometricMean(calmRatios).toFixed(2)}.`);
process.exit();
